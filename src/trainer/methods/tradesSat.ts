import type { MethodOptions } from '../../protocol/methods';
import { crossEntropy } from '../ops/crossEntropy';
import * as tf from '../tf';
import type { Method, MethodContext } from './method';
import { confidenceWeights, updateTargets } from './sat';
import { perturbed, tradesLoss } from './trades';

/**
 * TRADES whose natural term is that of self-adaptive training (the authors' losses/trades.py, TRADES_SAT): plain
 * cross-entropy in the first `startEpoch` epochs, then targets moved by the train-mode natural predictions, and samples
 * weighted by their confidence. The weights apply to the natural term alone, not to the divergence.
 */
export function tradesSat(options: MethodOptions<'trades_sat'>, { targets }: MethodContext): Method {
  const softTargets = tf.variable(targets, false);
  return {
    softTargets,
    state: new Map([['soft_targets', softTargets]]),
    prepare: (model, batch) => perturbed(model, batch, options),
    loss: (model, batch) =>
      tradesLoss(model, batch, options.beta, (logits) => {
        if (batch.epoch < options.startEpoch) return crossEntropy(logits, batch.targets);
        const updated = updateTargets(softTargets, logits, batch, options.alpha);
        return crossEntropy(logits, updated, confidenceWeights(updated));
      }),
  };
}
