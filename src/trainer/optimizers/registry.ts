import type { OptimizerConfig } from '../../protocol/optimizers';
import type { Weight } from '../models/weights';
import { adam } from './adam';
import type { Optimizer } from './optimizer';
import { sgd } from './sgd';

/** Makes the optimiser that a configuration names. */
export function createOptimizer(options: OptimizerConfig, weights: readonly Weight[]): Optimizer {
  switch (options.name) {
    case 'sgd':
      return sgd(options, weights);
    case 'adam':
      return adam(options, weights);
  }
}
