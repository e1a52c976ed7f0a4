import { batchNormEval, batchNormTrain } from '../ops/batchNorm';
import { relu } from '../ops/relu';
import type { NumpyRandom } from '../random';
import * as tf from '../tf';
import type { Mode } from './model';
import type { Layout, Weight } from './weights';

export interface Layer<I extends tf.Tensor, O extends tf.Tensor> {
  readonly weights: readonly Weight[];
  forward(x: I, mode: Mode): O;
}

export type ImageLayer = Layer<tf.Tensor4D, tf.Tensor4D>;

function weight(name: string, value: tf.Tensor, layout: Layout, trainable = true): Weight {
  return { name, variable: tf.variable(value, trainable), layout, trainable };
}

function uniform(random: NumpyRandom, shape: number[], bound: number): tf.Tensor {
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  for (let i = 0; i < values.length; i += 1) values[i] = (2 * random.random() - 1) * bound;
  return tf.tensor(values, shape);
}

/**
 * 3×3 or 1×1 convolution without bias, PyTorch's padding (k − 1) / 2 on all four sides at every stride, and PyTorch's
 * default initialisation U(−1/√fan_in, 1/√fan_in).
 */
export function convolution(
  name: string,
  {
    from,
    to,
    size = 3,
    stride = 1,
    random,
  }: { from: number; to: number; size?: number; stride?: number; random: NumpyRandom },
): ImageLayer {
  const kernel = weight(
    `${name}.weight`,
    uniform(random, [size, size, from, to], 1 / Math.sqrt(size * size * from)),
    'convolution',
  );
  const p = (size - 1) / 2;
  // Explicit, since "same" pads only below and to the right at stride 2, which is not what PyTorch does.
  const padding: tf.backend_util.ExplicitPadding = [
    [0, 0],
    [p, p],
    [p, p],
    [0, 0],
  ];
  return {
    weights: [kernel],
    forward: (x) => tf.conv2d(x, kernel.variable as tf.Tensor4D, stride, padding),
  };
}

/**
 * Batch normalisation as PyTorch's BatchNorm2d: ε 1e-5; running = 0.9 · running + 0.1 · batch, where the running
 * variance takes the unbiased batch variance while normalisation uses the biased one.
 */
export function batchNorm(name: string, channels: number): ImageLayer {
  const gamma = weight(`${name}.weight`, tf.ones([channels]), 'plain');
  const beta = weight(`${name}.bias`, tf.zeros([channels]), 'plain');
  const mean = weight(`${name}.running_mean`, tf.zeros([channels]), 'plain', false);
  const variance = weight(`${name}.running_var`, tf.ones([channels]), 'plain', false);
  const [g, b, m, v] = [gamma, beta, mean, variance].map((w) => w.variable as tf.Tensor1D);
  if (!g || !b || !m || !v) throw new Error('unreachable');
  return {
    weights: [gamma, beta, mean, variance],
    forward: (x, mode) => {
      if (mode === 'eval') return batchNormEval(x, g, b, m, v);
      const after = batchNormTrain(x, g, b, { mean: m, variance: v });
      mean.variable.assign(after.mean);
      variance.variable.assign(after.variance);
      return after.y;
    },
  };
}

/** Linear layer with bias, PyTorch's default initialisation U(−1/√in, 1/√in) of both. */
export function linear(name: string, from: number, to: number, random: NumpyRandom): Layer<tf.Tensor2D, tf.Tensor2D> {
  const bound = 1 / Math.sqrt(from);
  const kernel = weight(`${name}.weight`, uniform(random, [from, to], bound), 'linear');
  const bias = weight(`${name}.bias`, uniform(random, [to], bound), 'plain');
  return {
    weights: [kernel, bias],
    forward: (x) => tf.add(tf.matMul(x, kernel.variable as tf.Tensor2D), bias.variable),
  };
}

/** Convolution, batch norm and ReLU. */
export function convolutionBlock(
  names: { convolution: string; batchNorm: string },
  options: { from: number; to: number; stride?: number; random: NumpyRandom },
): ImageLayer {
  const conv = convolution(names.convolution, options);
  const norm = batchNorm(names.batchNorm, options.to);
  return {
    weights: [...conv.weights, ...norm.weights],
    forward: (x, mode) => relu(norm.forward(conv.forward(x, mode), mode)),
  };
}
