import type { MethodOptions } from '../../protocol/methods';
import { logSoftmax } from '../ops/crossEntropy';
import { stopGradient } from '../ops/stopGradient';
import * as tf from '../tf';
import type { Method, MethodContext } from './method';
import { movingTargets, satCrossEntropy } from './sat';

/** Keeps the logarithm of a target of exactly 0 finite. */
const smallest = 1e-8;

/**
 * Self-adaptive training with symmetric cross-entropy (the authors' losses/loss.py, `sat_sce`; facts 1.1): targets and
 * weights as in SAT, the loss of a sample −Σ t log p − 0.3 · Σ p log t, where p carries a gradient in both terms.
 */
export function satSce({ reverseWeight, ...options }: MethodOptions<'sat_sce'>, context: MethodContext): Method {
  const { softTargets, state, move } = movingTargets(options, context);
  return {
    softTargets,
    state,
    loss: (model, batch) => {
      const logits = model.forward(batch.images, 'train');
      const moved = move(logits, batch);
      const forward = satCrossEntropy(logits, batch, moved);
      if (!moved) return { logits, loss: forward };
      const logTargets = tf.log(tf.maximum(stopGradient(moved.targets), smallest));
      const reverse = tf.sum(tf.mul(tf.exp(logSoftmax(logits)), logTargets), 1);
      const symmetric = tf.mul(tf.mean(tf.mul(stopGradient(moved.weights), reverse)), reverseWeight);
      return { logits, loss: tf.sub(forward, symmetric) };
    },
  };
}
