import type { MethodOptions } from '../../protocol/methods';
import { crossEntropy, logSoftmax } from '../ops/crossEntropy';
import * as tf from '../tf';
import type { Method } from './method';

/**
 * Symmetric cross-entropy (Wang et al., ICCV 2019, eq. 7): α · CE + β · reverse CE, where the reverse one is
 * −Σ_j p_j log y_j with log 0 put to a negative number A.
 */
export function sce({ alpha, beta, logZero }: MethodOptions<'sce'>): Method {
  return {
    state: new Map(),
    loss: (model, { images, targets }) => {
      const logits = model.forward(images, 'train');
      const wrong = tf.mul(tf.exp(logSoftmax(logits)), tf.sub(1, targets));
      const reverse = tf.mul(tf.mean(tf.sum(wrong, 1)), -logZero);
      return { logits, loss: tf.add(tf.mul(crossEntropy(logits, targets), alpha), tf.mul(reverse, beta)) };
    },
  };
}
