import type { MethodOptions } from '../../protocol/methods';
import { crossEntropy, logSoftmax } from '../ops/crossEntropy';
import * as tf from '../tf';
import type { Method, MethodContext } from './method';

/**
 * Co-teaching (Han et al., NeurIPS 2018, algorithm 1): two networks see the same batch; each is trained by the mean
 * cross-entropy of the R(e) · n samples on which the other one's loss is smallest. The reported loss is the sum of both;
 * every accuracy, of the batch and in evaluations, is that of the first network, which is the one to keep. The authors'
 * loss.py divides that mean by the number of samples once more, which their Adam does not notice; this one does not.
 */
export function coTeaching(options: MethodOptions<'co_teaching'>, { createNetwork }: MethodContext): Method {
  if (!createNetwork) throw new Error('co-teaching was not given its second network');
  const second = createNetwork();
  const weights = second.weights.map((weight) => ({ ...weight, name: `second/${weight.name}` }));
  return {
    weights,
    state: new Map(),
    loss: (model, { images, targets, epoch, random }) => {
      const n = images.shape[0];
      const kept = Math.max(1, Math.trunc(keepRate(options, epoch) * n));
      const logits = model.forward(images, 'train');
      const others = second.forward(images, 'train', random);
      const chosenBy = (choosing: tf.Tensor2D) =>
        tf.mul<tf.Tensor1D>(smallest(sampleLosses(choosing, targets), kept), n / kept);
      return {
        logits,
        loss: tf.add(crossEntropy(logits, targets, chosenBy(others)), crossEntropy(others, targets, chosenBy(logits))),
      };
    },
  };
}

/**
 * The share R(e) of a batch that is kept: 1 − min(e / T_k · τ, τ), as in the paper's algorithm 1; with an exponent c the
 * rise goes to τ^c instead, as in the authors' main.py (whose linspace gets there one epoch earlier).
 * @param epoch 0-based @returns in (0, 1]
 */
export function keepRate(
  {
    forgetRate,
    gradualEpochs,
    exponent,
  }: Pick<MethodOptions<'co_teaching'>, 'forgetRate' | 'gradualEpochs' | 'exponent'>,
  epoch: number,
): number {
  return 1 - (epoch < gradualEpochs ? (forgetRate ** exponent * epoch) / gradualEpochs : forgetRate);
}

/** 1 for the `count` smallest values, of equal ones the earlier, and 0 for the others. @param values [n] @returns [n] */
export function smallest(values: tf.Tensor1D, count: number): tf.Tensor1D {
  const n = values.shape[0];
  const own = tf.reshape(values, [n, 1]);
  const other = tf.reshape(values, [1, n]);
  const place = tf.range(0, n);
  const earlier = tf.less(tf.reshape(place, [1, n]), tf.reshape(place, [n, 1]));
  const before = tf.add(
    tf.cast(tf.less(other, own), 'float32'),
    tf.mul(tf.cast(tf.equal(other, own), 'float32'), tf.cast(earlier, 'float32')),
  );
  const rank = tf.sum<tf.Tensor1D>(before, 1);
  return tf.cast(tf.less<tf.Tensor1D>(rank, count), 'float32');
}

/** @param logits [n, k] @param targets [n, k] @returns cross-entropy of each sample, in nats. [n] */
function sampleLosses(logits: tf.Tensor2D, targets: tf.Tensor2D): tf.Tensor1D {
  return tf.neg(tf.sum<tf.Tensor1D>(tf.mul(targets, logSoftmax(logits)), 1));
}
