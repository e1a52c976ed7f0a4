import type { MethodOptions } from '../../protocol/methods';
import { withRandom } from '../models/model';
import { crossEntropies } from '../ops/divergence';
import * as tf from '../tf';
import type { Method, MethodContext } from './method';

/**
 * Co-teaching (Han et al., NeurIPS 2018): of each batch, each of two networks learns from the samples on which
 * the other has the smallest cross-entropies, ⌊(1 − R(e)) · n⌋ of them (at least one). The loss is the sum of both means. The authors' code
 * divides each mean by the number of samples once more; the paper does not, and neither is it done here. The first network
 * is the one that is evaluated, attacked and counted.
 */
export function coTeaching(options: MethodOptions<'co_teaching'>, { createPeer }: MethodContext): Method {
  const peer = createPeer?.();
  if (!peer) throw new Error('co-teaching needs a second network');
  return {
    state: new Map(),
    weights: peer.weights.map((weight) => ({ ...weight, name: `peer/${weight.name}` })),
    loss: (model, { images, targets, random, epoch }) => {
      const n = images.shape[0];
      const kept = Math.max(1, Math.floor((1 - forgetRateAt(epoch, options)) * n));
      const logits = model.forward(images, 'train');
      const own = crossEntropies(logits, targets);
      const others = crossEntropies(withRandom(peer, random).forward(images, 'train'), targets);
      const learned = (losses: tf.Tensor1D, chosen: tf.Tensor1D) => tf.div(tf.sum(tf.mul(losses, chosen)), kept);
      const loss = tf.add<tf.Scalar>(learned(own, smallest(others, kept)), learned(others, smallest(own, kept)));
      return { logits, loss };
    },
  };
}

/**
 * Share R(e) of a batch that is left out, in [0, 1]: from 0 to τ^c in equal steps over the first T_k epochs, then τ (the
 * authors' rate_schedule).
 * @param epoch 0-based
 */
export function forgetRateAt(
  epoch: number,
  { forgetRate, rampEpochs, exponent }: Omit<MethodOptions<'co_teaching'>, 'name'>,
): number {
  if (epoch >= rampEpochs) return forgetRate;
  return rampEpochs === 1 ? 0 : (forgetRate ** exponent * epoch) / (rampEpochs - 1);
}

/** 1 at the k smallest values, 0 elsewhere; no gradient flows through the choice. @param values [n] @returns [n] */
function smallest(values: tf.Tensor1D, k: number): tf.Tensor1D {
  const choose = tf.customGrad((input) => {
    const { indices } = tf.topk(tf.neg(input as tf.Tensor1D), k);
    const rows = tf.oneHot(tf.cast(indices, 'int32'), values.shape[0]);
    return { value: tf.sum(tf.cast(rows, 'float32'), 0), gradFunc: (dy) => tf.zerosLike(dy) };
  });
  return choose(values) as tf.Tensor1D;
}
