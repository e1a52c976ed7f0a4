import { relu } from '../ops/relu';
import { Problem } from '../problem';
import * as tf from '../tf';
import { normal, normalByFanOut, zeros } from './initialization';
import { batchNorm, channelDropout, convolution, flatten, linear, type ImageLayer } from './layers';
import type { Model, ModelShape } from './model';

/** Configuration D: channels of the convolutions of each stage, and the dropout after all but the last of each. */
const stages = [
  { channels: [64, 64], dropout: 0.3 },
  { channels: [128, 128], dropout: 0.4 },
  { channels: [256, 256, 256], dropout: 0.4 },
  { channels: [512, 512, 512], dropout: 0.4 },
  { channels: [512, 512, 512], dropout: 0.4 },
];

const maxPool: ImageLayer = { weights: [], forward: (x) => tf.maxPool(x, 2, 2, 'valid') };
const activation: ImageLayer = { weights: [], forward: (x) => relu(x) };

/** @throws Problem when the images are too small to be halved five times */
export function requireVggSize([height, width]: ModelShape['input']): void {
  if (Math.min(height, width) >= 32) return;
  throw new Problem(`model.name: vgg16-bn needs images of 32×32 or more, these are ${height}×${width}.`);
}

/**
 * VGG-16 with batch norm and dropout as selective classification uses it (Deep Gamblers and SAT-selective-cls,
 * models/cifar/vgg.py; facts 1.10): 3×3 convolution with bias, ReLU, batch norm, dropout of whole channels; a max-pool
 * after each of five stages; two linear layers. Names of the weights are PyTorch's places in `nn.Sequential`.
 * @throws Problem when the images are too small to be halved five times
 */
export function vgg16Bn({ input: [height, width, channels], outputs, random }: ModelShape): Model {
  requireVggSize([height, width, channels]);
  const positions = Math.floor(height / 32) * Math.floor(width / 32);
  const features: ImageLayer[] = [];
  let from = channels;
  for (const { channels: widths, dropout } of stages) {
    widths.forEach((to, i) => {
      features.push(
        convolution(`features.${features.length}`, { from, to, bias: zeros, initialization: normalByFanOut, random }),
      );
      features.push(activation);
      features.push(batchNorm(`features.${features.length}`, to));
      if (i < widths.length - 1) features.push(channelDropout(dropout));
      from = to;
    });
    features.push(maxPool);
  }
  features.push(channelDropout(0.5));
  const initialization = { weight: normal(0.01), bias: zeros };
  const hidden = linear('classifier.0', positions * from, 512, random, initialization);
  const norm = batchNorm('classifier.2', 512);
  const dropout = channelDropout(0.5);
  const head = linear('classifier.4', 512, outputs, random, initialization);
  return {
    weights: [...features, hidden, norm, head].flatMap((layer) => layer.weights),
    forward: (images, mode, step) => {
      let x = images;
      for (const layer of features) x = layer.forward(x, mode, step);
      const normalized = norm.forward(relu(hidden.forward(flatten(x), mode)), mode);
      return head.forward(dropout.forward(normalized, mode, step), mode);
    },
  };
}
