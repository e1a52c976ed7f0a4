import * as tf from '../tf';
import { convolutionBlock, flatten, linear } from './layers';
import type { Model, ModelShape } from './model';

/**
 * conv3×3 16 – conv3×3 32 – max-pool 2×2 – conv3×3 32, each with batch norm and ReLU, then a linear layer on all
 * positions: small enough for a laptop, large enough to memorise wrong labels.
 */
export function smallCnn({ input: [height, width, channels], outputs, random }: ModelShape): Model {
  const block = (i: number, from: number, to: number) =>
    convolutionBlock({ convolution: `conv${i}`, batchNorm: `bn${i}` }, { from, to, random });
  const first = block(1, channels, 16);
  const second = block(2, 16, 32);
  const third = block(3, 32, 32);
  const features = Math.floor(height / 2) * Math.floor(width / 2) * 32;
  const head = linear('fc', features, outputs, random);
  return {
    weights: [first, second, third, head].flatMap((layer) => layer.weights),
    forward: (images, mode) => {
      const pooled = tf.maxPool(second.forward(first.forward(images, mode), mode), 2, 2, 'valid');
      return head.forward(flatten(third.forward(pooled, mode)), mode);
    },
  };
}
