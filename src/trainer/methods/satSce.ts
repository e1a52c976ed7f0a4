import type { MethodOptions } from '../../protocol/methods';
import { crossEntropy, logSoftmax } from '../ops/crossEntropy';
import { stopGradient } from '../ops/stopGradient';
import * as tf from '../tf';
import type { Method, MethodContext } from './method';
import { confidenceWeights, updateTargets } from './sat';

/** Keeps the logarithm of a target of exactly 0 finite. */
const smallest = 1e-8;

/**
 * Self-adaptive training with symmetric cross-entropy (the authors' losses/loss.py, `sat_sce`; facts 1.1): targets and
 * weights as in SAT, the loss of a sample −Σ t log p − 0.3 · Σ p log t, where p carries a gradient in both terms.
 */
export function satSce(
  { alpha, startEpoch, reverseWeight }: MethodOptions<'sat_sce'>,
  { targets }: MethodContext,
): Method {
  const softTargets = tf.variable(targets, false);
  return {
    softTargets,
    state: new Map([['soft_targets', softTargets]]),
    loss: (model, batch) => {
      const logits = model.forward(batch.images, 'train');
      if (batch.epoch < startEpoch) return { logits, loss: crossEntropy(logits, batch.targets) };
      const updated = stopGradient(updateTargets(softTargets, logits, batch, alpha));
      const weights = confidenceWeights(updated);
      const reverse = tf.sum(tf.mul(tf.exp(logSoftmax(logits)), tf.log(tf.maximum(updated, smallest))), 1);
      const symmetric = tf.mul(tf.mean(tf.mul(weights, reverse)), reverseWeight);
      return { logits, loss: tf.sub(crossEntropy(logits, updated, weights), symmetric) };
    },
  };
}
