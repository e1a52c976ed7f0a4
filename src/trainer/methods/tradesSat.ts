import type { MethodOptions } from '../../protocol/methods';
import type { Method, MethodContext } from './method';
import { movingTargets, satCrossEntropy } from './sat';
import { perturbed, tradesLoss } from './trades';

/**
 * TRADES whose natural term is that of self-adaptive training (the authors' losses/trades.py, TRADES_SAT): plain
 * cross-entropy in the first `startEpoch` epochs, then targets moved by the train-mode natural predictions, and samples
 * weighted by their confidence. The weights apply to the natural term alone, not to the divergence.
 */
export function tradesSat(options: MethodOptions<'trades_sat'>, context: MethodContext): Method {
  const { softTargets, state, move } = movingTargets(options, context);
  return {
    softTargets,
    state,
    prepare: (model, batch) => perturbed(model, batch, options),
    loss: (model, batch) =>
      tradesLoss(model, batch, options.beta, (logits) => satCrossEntropy(logits, batch, move(logits, batch))),
  };
}
