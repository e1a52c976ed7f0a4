import { crossEntropy } from '../ops/crossEntropy';
import type { Method } from './method';

/** Empirical risk minimisation: mean cross-entropy with the given labels. */
export function erm(): Method {
  return {
    state: new Map(),
    loss: (model, { images, targets }) => {
      const logits = model.forward(images, 'train');
      return { logits, loss: crossEntropy(logits, targets) };
    },
  };
}
