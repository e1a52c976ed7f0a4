import { globalAveragePool } from '../ops/globalAveragePool';
import { relu } from '../ops/relu';
import * as tf from '../tf';
import { normalByFanOut, zeros } from './initialization';
import { batchNorm, convolution, freeing, linear, type ImageLayer } from './layers';
import type { Model, ModelShape } from './model';

/**
 * Wide residual network (Zagoruyko and Komodakis 2016) with pre-activation and without dropout, as the authors'
 * models/wideresnet.py, which is that of TRADES (facts 1.5): 3×3 stem with 16 channels, three stages of (depth − 4) / 6
 * blocks with 16k, 32k and 64k channels, batch norm, ReLU, global average pool, linear layer.
 */
export function wideResnet(
  { depth, widenFactor }: { depth: number; widenFactor: number },
  { input: [, , channels], outputs, random }: ModelShape,
): Model {
  const stem = convolution('conv1', { from: channels, to: 16, initialization: normalByFanOut, random });
  const body: ImageLayer[] = [];
  let from = 16;
  [16, 32, 64].forEach((width, stage) => {
    const to = width * widenFactor;
    for (let i = 0; i < (depth - 4) / 6; i += 1) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      body.push(preActivationBlock(`block${stage + 1}.layer.${i}`, { from, to, stride, random }));
      from = to;
    }
  });
  const norm = batchNorm('bn1', from);
  const head = linear('fc', from, outputs, random, { bias: zeros });
  return {
    weights: [stem, ...body, norm, head].flatMap((layer) => layer.weights),
    forward: (images, mode) => {
      let x = stem.forward(images, mode);
      for (const block of body) x = block.forward(x, mode);
      return head.forward(globalAveragePool(relu(norm.forward(x, mode))), mode);
    },
  };
}

type BlockOptions = { from: number; to: number; stride: number; random: ModelShape['random'] };

function preActivationBlock(name: string, { from, to, stride, random }: BlockOptions): ImageLayer {
  const options = { initialization: normalByFanOut, random };
  const norm1 = batchNorm(`${name}.bn1`, from);
  const conv1 = convolution(`${name}.conv1`, { from, to, stride, ...options });
  const norm2 = batchNorm(`${name}.bn2`, to);
  const conv2 = convolution(`${name}.conv2`, { from: to, to, ...options });
  const shortcut =
    from === to ? undefined : convolution(`${name}.convShortcut`, { from, to, size: 1, stride, ...options });
  return {
    weights: [norm1, conv1, norm2, conv2, ...(shortcut ? [shortcut] : [])].flatMap((layer) => layer.weights),
    forward: (x, mode) =>
      freeing(mode, () => {
        const active = relu(norm1.forward(x, mode));
        const inner = relu(norm2.forward(conv1.forward(active, mode), mode));
        const residual = conv2.forward(inner, mode);
        // A shortcut that changes the channels sees the activated input, the identity the raw one.
        return tf.add<tf.Tensor4D>(shortcut ? shortcut.forward(active, mode) : x, residual);
      }),
  };
}
