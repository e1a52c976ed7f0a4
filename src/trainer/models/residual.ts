import { globalAveragePool } from '../ops/globalAveragePool';
import { relu } from '../ops/relu';
import * as tf from '../tf';
import type { Initialization } from './initialization';
import { batchNorm, convolution, convolutionBlock, freeing, linear, type ImageLayer } from './layers';
import type { Model, ModelShape } from './model';

export interface ResidualStages {
  /** Channels of each stage; the stem has those of the first. */
  widths: readonly number[];
  /** Basic blocks in each stage. */
  blocks: readonly number[];
  /** Of the convolutions. Default: PyTorch's. */
  initialization?: Initialization;
}

/**
 * A residual network of basic blocks (He et al. 2016) for small images: 3×3 stem at stride 1 without max-pool, stages
 * that begin with stride 2 (the first: 1), shortcuts across stages by 1×1 convolution and batch norm, global average
 * pool, linear layer. Names of the weights as in the authors' models/resnet.py.
 */
export function residualNetwork(
  { widths, blocks, initialization }: ResidualStages,
  { input: [, , channels], outputs, random }: ModelShape,
): Model {
  const options = { random, ...(initialization ? { initialization } : {}) };
  let from = widths[0] ?? 0;
  const stem = convolutionBlock({ convolution: 'conv1', batchNorm: 'bn1' }, { from: channels, to: from, ...options });
  const body: ImageLayer[] = [];
  widths.forEach((to, stage) => {
    for (let i = 0; i < (blocks[stage] ?? 0); i += 1) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      body.push(basicBlock(`layer${stage + 1}.${i}`, { from, to, stride, ...options }));
      from = to;
    }
  });
  const head = linear('linear', from, outputs, random);
  return {
    weights: [stem, ...body, head].flatMap((layer) => layer.weights),
    forward: (images, mode) => {
      let x = stem.forward(images, mode);
      for (const block of body) x = block.forward(x, mode);
      return head.forward(globalAveragePool(x), mode);
    },
  };
}

interface BlockOptions {
  from: number;
  to: number;
  stride: number;
  initialization?: Initialization;
  random: ModelShape['random'];
}

function basicBlock(name: string, options: BlockOptions): ImageLayer {
  const { from, to, stride } = options;
  const first = convolutionBlock({ convolution: `${name}.conv1`, batchNorm: `${name}.bn1` }, options);
  const second = convolution(`${name}.conv2`, { ...options, from: to, stride: 1 });
  const norm = batchNorm(`${name}.bn2`, to);
  const shortcut =
    stride === 1 && from === to
      ? []
      : [convolution(`${name}.shortcut.0`, { ...options, size: 1 }), batchNorm(`${name}.shortcut.1`, to)];
  return {
    weights: [first, second, norm, ...shortcut].flatMap((layer) => layer.weights),
    forward: (x, mode) =>
      freeing(mode, () => {
        const residual = norm.forward(second.forward(first.forward(x, mode), mode), mode);
        const direct = shortcut.reduce((value, layer) => layer.forward(value, mode), x);
        return relu(tf.add<tf.Tensor4D>(residual, direct));
      }),
  };
}
