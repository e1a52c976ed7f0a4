import type { MethodOptions } from '../../protocol/methods';
import { crossEntropy, logSoftmax } from '../ops/crossEntropy';
import * as tf from '../tf';
import { classLogits } from '../ops/classLogits';
import type { Method } from './method';

/**
 * Deep Gamblers (Liu et al., NeurIPS 2019): K class outputs and one for abstention, which pays back 1/o of the stake; the
 * loss is the mean of −log(p_y + p_abstention / o). In the first `pretrainEpochs` epochs cross-entropy on the class outputs.
 */
export function deepGamblers({ reward, pretrainEpochs }: MethodOptions<'deep_gamblers'>): Method {
  return {
    state: new Map(),
    loss: (model, batch) => {
      const logits = model.forward(batch.images, 'train');
      const { targets } = batch;
      const [n, classes] = targets.shape;
      if (batch.epoch < pretrainEpochs) return { logits, loss: crossEntropy(classLogits(logits, classes), targets) };
      const payoff = tf.concat2d([targets, tf.fill([n, 1], 1 / reward)], 1);
      const gain = tf.sum(tf.mul(tf.exp(logSoftmax(logits)), payoff), 1);
      return { logits, loss: tf.neg(tf.mean<tf.Scalar>(tf.log(gain))) };
    },
  };
}
