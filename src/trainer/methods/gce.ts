import type { MethodOptions } from '../../protocol/methods';
import { logSoftmax } from '../ops/crossEntropy';
import * as tf from '../tf';
import type { Method } from './method';

/**
 * Generalised cross-entropy (Zhang and Sabuncu, NeurIPS 2018, eq. 6, without truncation): the mean of (1 − p_y^q) / q,
 * which is cross-entropy for q towards 0, and the mean absolute error, up to a factor, for q = 1.
 */
export function gce({ q }: MethodOptions<'gce'>): Method {
  return {
    state: new Map(),
    loss: (model, { images, targets }) => {
      const logits = model.forward(images, 'train');
      const logP = tf.sum(tf.mul(targets, logSoftmax(logits)), 1);
      const loss = tf.mean<tf.Scalar>(tf.div(tf.sub(1, tf.exp(tf.mul(logP, q))), q));
      return { logits, loss };
    },
  };
}
