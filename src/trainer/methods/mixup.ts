import type { MethodOptions } from '../../protocol/methods';
import { crossEntropy } from '../ops/crossEntropy';
import * as tf from '../tf';
import { withChanges, type Method } from './method';

/**
 * Mixup (Zhang et al., ICLR 2018): images and labels become λ · own + (1 − λ) · those of another sample of the batch, with
 * one λ ~ Beta(α, α) for a batch.
 */
export function mixup({ alpha }: MethodOptions<'mixup'>): Method {
  return {
    state: new Map(),
    prepare: (_model, batch) => {
      const { images, targets, random } = batch;
      const share = random.beta(alpha, alpha);
      const others = random.permutation(images.shape[0]);
      const mix = <T extends tf.Tensor>(values: T) =>
        tf.add<T>(tf.mul(values, share), tf.mul(tf.gather(values, others), tf.sub(1, share)));
      return withChanges(batch, { images: mix(images), targets: mix(targets) });
    },
    loss: (model, { images, targets }) => {
      const logits = model.forward(images, 'train');
      return { logits, loss: crossEntropy(logits, targets) };
    },
  };
}
