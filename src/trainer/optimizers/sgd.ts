import type { OptimizerConfig } from '../../protocol/optimizers';
import type { Weight } from '../models/weights';
import { momentumUpdate } from '../ops/momentumUpdate';
import type { Optimizer } from './optimizer';
import { scalarOf, slotOf, zeroSlots } from './slots';

type Options = Extract<OptimizerConfig, { name: 'sgd' }>;

/**
 * SGD as torch.optim.SGD: g ← g + λ w for every trainable weight; b ← μ b + g (the first step: b = g); w ← w − lr · b.
 * Starting from zero buffers gives the same first step.
 */
export function sgd({ momentum, weightDecay }: Options, weights: readonly Weight[]): Optimizer {
  const trainable = weights.filter((w) => w.trainable);
  const buffers = zeroSlots(trainable);
  return {
    slots: new Map([['momentum', buffers]]),
    steps: 0,
    scalars: (learningRate) => ({ learningRate }),
    update(gradients, scalars) {
      const learningRate = scalarOf(scalars, 'learningRate');
      for (const { name, variable } of trainable) {
        momentumUpdate(variable, slotOf(buffers, name), slotOf(gradients, name), learningRate, {
          momentum,
          weightDecay,
        });
      }
    },
  };
}
