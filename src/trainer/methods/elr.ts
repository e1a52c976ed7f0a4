import type { MethodOptions } from '../../protocol/methods';
import { crossEntropy, logSoftmax } from '../ops/crossEntropy';
import { stopGradient } from '../ops/stopGradient';
import * as tf from '../tf';
import type { Method, MethodContext } from './method';
import { scatterRows } from './sat';

/** The authors keep probabilities away from 0 and 1 by this much. */
const margin = 1e-4;

/**
 * Early-learning regularisation (Liu et al., NeurIPS 2020, eq. 6): cross-entropy with the given labels plus
 * λ · mean log(1 − ⟨t, p⟩), where t ← β t + (1 − β) p / Σ p starts at zero and has no gradient. p is clipped to
 * [1e-4, 1 − 1e-4], as in the authors' code.
 */
export function elr({ beta, lambda }: MethodOptions<'elr'>, { targets }: MethodContext): Method {
  const softTargets = tf.variable(tf.zerosLike(targets), false);
  return {
    softTargets,
    state: new Map([['soft_targets', softTargets]]),
    loss: (model, batch) => {
      const logits = model.forward(batch.images, 'train');
      const p = tf.clipByValue(tf.exp(logSoftmax(logits)), margin, 1 - margin);
      const old = tf.gather(softTargets, batch.indices);
      const fixed = stopGradient(p);
      const normalized = tf.div(fixed, tf.sum(fixed, 1, true));
      const updated = tf.add(tf.mul(old, beta), tf.mul(normalized, 1 - beta));
      scatterRows(softTargets, batch.indices, updated);
      const agreement = tf.sum(tf.mul(updated, p), 1);
      const regularizer = tf.mean(tf.log(tf.sub(1, agreement)));
      return { logits, loss: tf.add(crossEntropy(logits, batch.targets), tf.mul(regularizer, lambda)) };
    },
  };
}
