import type { MethodOptions } from '../../protocol/methods';
import { crossEntropy } from '../ops/crossEntropy';
import * as tf from '../tf';
import type { Method } from './method';

/** Label smoothing (Szegedy et al., CVPR 2016): cross-entropy with (1 − s) · one-hot + s / K. */
export function labelSmoothing({ smoothing }: MethodOptions<'label_smoothing'>): Method {
  return {
    state: new Map(),
    loss: (model, { images, targets }) => {
      const logits = model.forward(images, 'train');
      const smoothed = tf.add<tf.Tensor2D>(tf.mul(targets, 1 - smoothing), smoothing / targets.shape[1]);
      return { logits, loss: crossEntropy(logits, smoothed) };
    },
  };
}
