import { batchNormEval, batchNormTrain } from '../ops/batchNorm';
import { relu } from '../ops/relu';
import { Problem } from '../problem';
import type { NumpyRandom } from '../random';
import type { StepRandom } from '../runtimes/program';
import * as tf from '../tf';
import { uniformByFanIn, type Initialization } from './initialization';
import type { Mode } from './model';
import type { Layout, Weight } from './weights';

export interface Layer<I extends tf.Tensor, O extends tf.Tensor> {
  readonly weights: readonly Weight[];
  /** @param random where a layer such as dropout draws from in training */
  forward(x: I, mode: Mode, random?: StepRandom): O;
}

export type ImageLayer = Layer<tf.Tensor4D, tf.Tensor4D>;

/** A layer that acts on each channel, of images [n, h, w, c] or of features [n, c]. */
export interface ChannelLayer {
  readonly weights: readonly Weight[];
  forward<T extends tf.Tensor>(x: T, mode: Mode, random?: StepRandom): T;
}

function weight(name: string, value: tf.Tensor, layout: Layout, trainable = true): Weight {
  return { name, variable: tf.variable(value, trainable), layout, trainable };
}

export interface ConvolutionOptions {
  from: number;
  to: number;
  size?: number;
  stride?: number;
  /** Default: none. */
  bias?: Initialization;
  /** Default: PyTorch's. */
  initialization?: Initialization;
  random: NumpyRandom;
}

/** 3×3 or 1×1 convolution with PyTorch's padding (k − 1) / 2 on all four sides at every stride. */
export function convolution(
  name: string,
  { from, to, size = 3, stride = 1, bias, initialization = uniformByFanIn, random }: ConvolutionOptions,
): ImageLayer {
  const fan = { in: size * size * from, out: size * size * to };
  const kernel = weight(`${name}.weight`, initialization([size, size, from, to], fan, random), 'convolution');
  const offset = bias && weight(`${name}.bias`, bias([to], fan, random), 'plain');
  const p = (size - 1) / 2;
  // Explicit, since "same" pads only below and to the right at stride 2, which is not what PyTorch does.
  const padding: tf.backend_util.ExplicitPadding = [
    [0, 0],
    [p, p],
    [p, p],
    [0, 0],
  ];
  return {
    weights: [kernel, ...(offset ? [offset] : [])],
    forward: (x) => {
      const result = tf.conv2d(x, kernel.variable as tf.Tensor4D, stride, padding);
      return offset ? tf.add(result, offset.variable) : result;
    },
  };
}

/**
 * Batch normalisation as PyTorch's BatchNorm1d and 2d: ε 1e-5; running = 0.9 · running + 0.1 · batch, where the running
 * variance takes the unbiased batch variance while normalisation uses the biased one. Like these it does not train on a
 * single value for each channel, which has no variance.
 */
export function batchNorm(name: string, channels: number): ChannelLayer {
  const gamma = weight(`${name}.weight`, tf.ones([channels]), 'plain');
  const beta = weight(`${name}.bias`, tf.zeros([channels]), 'plain');
  const mean = weight(`${name}.running_mean`, tf.zeros([channels]), 'plain', false);
  const variance = weight(`${name}.running_var`, tf.ones([channels]), 'plain', false);
  const [g, b, m, v] = [gamma, beta, mean, variance].map((w) => w.variable as tf.Tensor1D);
  if (!g || !b || !m || !v) throw new Error('unreachable');
  return {
    weights: [gamma, beta, mean, variance],
    forward: <T extends tf.Tensor>(x: T, mode: Mode) => {
      // Features are images of one position.
      const images = x.rank === 4 ? (x as tf.Tensor4D) : tf.reshape<tf.Rank.R4>(x, [-1, 1, 1, channels]);
      if (mode === 'eval') return shapedAs(x, batchNormEval(images, g, b, m, v));
      if (images.size === channels) {
        throw new Problem(
          `batchSize: a batch of one image leaves ${name} a single value for each channel, which batch normalisation cannot train on. Change batchSize or data.limit so that no batch is one image.`,
        );
      }
      const after = batchNormTrain(images, g, b, { mean: m, variance: v });
      mean.variable.assign(after.mean);
      variance.variable.assign(after.variance);
      return shapedAs(x, after.y);
    },
  };
}

/** The values of y in the shape of x. */
function shapedAs<T extends tf.Tensor>(x: T, y: tf.Tensor): T {
  // Its rank is that of x.
  return (x.rank === y.rank ? y : tf.reshape(y, x.shape)) as T;
}

/** Linear layer with bias, by default with PyTorch's initialisation U(−1/√in, 1/√in) of both. */
export function linear(
  name: string,
  from: number,
  to: number,
  random: NumpyRandom,
  initialization: { weight?: Initialization; bias?: Initialization } = {},
): Layer<tf.Tensor2D, tf.Tensor2D> {
  const fan = { in: from, out: to };
  const kernel = weight(`${name}.weight`, (initialization.weight ?? uniformByFanIn)([from, to], fan, random), 'linear');
  const bias = weight(`${name}.bias`, (initialization.bias ?? uniformByFanIn)([to], fan, random), 'plain');
  return {
    weights: [kernel, bias],
    forward: (x) => tf.add(tf.matMul(x, kernel.variable as tf.Tensor2D), bias.variable),
  };
}

/**
 * Frees what lies between in evaluation: all activations of a deep network on hundreds of images do not fit in memory at
 * once. What a gradient needs is kept by whoever asks for one.
 */
export function freeing<T extends tf.Tensor>(mode: Mode, forward: () => T): T {
  return mode === 'eval' ? tf.tidy(forward) : forward();
}

/** Convolution, batch norm and ReLU. */
export function convolutionBlock(
  names: { convolution: string; batchNorm: string },
  options: ConvolutionOptions,
): ImageLayer {
  const conv = convolution(names.convolution, options);
  const norm = batchNorm(names.batchNorm, options.to);
  return {
    weights: [...conv.weights, ...norm.weights],
    forward: (x, mode) => relu(norm.forward(conv.forward(x, mode), mode)),
  };
}

/**
 * PyTorch's Dropout2d: in training, each channel of each image (of [n, c]: each feature) becomes zero with probability
 * `rate`, and the others are multiplied by 1 / (1 − rate).
 */
export function channelDropout(rate: number): ChannelLayer {
  return {
    weights: [],
    forward: (x, mode, random) => {
      if (mode === 'eval') return x;
      if (!random) throw new Error('dropout in training needs random numbers: hand them to model.forward');
      const shape = x.shape.map((size, axis) => (axis === 0 || axis === x.rank - 1 ? size : 1));
      const kept = tf.cast(tf.greaterEqual(random.uniform(shape), rate), 'float32');
      return tf.mul(x, tf.div(kept, 1 - rate));
    },
  };
}

/** All values of an image in one row, channels first as PyTorch flattens. [n, h, w, c] to [n, c · h · w] */
export function flatten(x: tf.Tensor4D): tf.Tensor2D {
  const channelsFirst = tf.transpose(x, [0, 3, 1, 2]);
  return tf.reshape(channelsFirst, [x.shape[0], -1]);
}
