import { globalAveragePool } from '../ops/globalAveragePool';
import { relu } from '../ops/relu';
import * as tf from '../tf';
import { batchNorm, convolution, convolutionBlock, linear, type ImageLayer } from './layers';
import type { Model, ModelShape } from './model';

/**
 * ResNet-20 for small images (He et al. 2016, section 4.2): a 3×3 stem, three stages of three basic blocks with 16,
 * 32 and 64 channels, global average pool, linear layer. Shortcuts across stages are 1×1 convolutions with batch norm,
 * as in the authors' ResNet-18 and 34.
 */
export function resnet20({ input: [, , channels], outputs, random }: ModelShape): Model {
  const stem = convolutionBlock({ convolution: 'conv1', batchNorm: 'bn1' }, { from: channels, to: 16, random });
  const blocks: ImageLayer[] = [];
  let from = 16;
  [16, 32, 64].forEach((to, stage) => {
    for (let i = 0; i < 3; i += 1) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      blocks.push(basicBlock(`layer${stage + 1}.${i}`, { from, to, stride, random }));
      from = to;
    }
  });
  const head = linear('linear', from, outputs, random);
  return {
    weights: [stem, ...blocks, head].flatMap((layer) => layer.weights),
    forward: (images, mode) => {
      let x = stem.forward(images, mode);
      for (const block of blocks) x = block.forward(x, mode);
      return head.forward(globalAveragePool(x), mode);
    },
  };
}

type BlockShape = { from: number; to: number; stride: number; random: ModelShape['random'] };

function basicBlock(name: string, { from, to, stride, random }: BlockShape): ImageLayer {
  const first = convolutionBlock(
    { convolution: `${name}.conv1`, batchNorm: `${name}.bn1` },
    { from, to, stride, random },
  );
  const second = convolution(`${name}.conv2`, { from: to, to, random });
  const norm = batchNorm(`${name}.bn2`, to);
  const shortcut =
    stride === 1 && from === to
      ? []
      : [convolution(`${name}.shortcut.0`, { from, to, size: 1, stride, random }), batchNorm(`${name}.shortcut.1`, to)];
  return {
    weights: [first, second, norm, ...shortcut].flatMap((layer) => layer.weights),
    forward: (x, mode) => {
      const residual = norm.forward(second.forward(first.forward(x, mode), mode), mode);
      const direct = shortcut.reduce((value, layer) => layer.forward(value, mode), x);
      return relu(tf.add<tf.Tensor4D>(residual, direct));
    },
  };
}
