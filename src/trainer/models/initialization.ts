import type { NumpyRandom } from '../random';
import * as tf from '../tf';

/** How many values go into one of a layer's outputs, and how many of its outputs one value goes into. */
export interface Fan {
  in: number;
  out: number;
}

/** What a weight is before training. */
export type Initialization = (shape: number[], fan: Fan, random: NumpyRandom) => tf.Tensor;

function filled(shape: number[], next: () => number): tf.Tensor {
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  for (let i = 0; i < values.length; i += 1) values[i] = next();
  return tf.tensor(values, shape);
}

/** PyTorch's default of convolutions and linear layers, weights and biases: U(−1/√fan_in, 1/√fan_in). */
export const uniformByFanIn: Initialization = (shape, fan, random) => {
  const bound = 1 / Math.sqrt(fan.in);
  return filled(shape, () => (2 * random.random() - 1) * bound);
};

/** N(0, 2 / fan_out), standard deviation √(2 / (k² · out)) (He et al. 2015; the authors' convolutions, facts 1.5). */
export const normalByFanOut: Initialization = (shape, fan, random) => {
  const deviation = Math.sqrt(2 / fan.out);
  return filled(shape, () => random.randn() * deviation);
};

/** N(0, deviation²). */
export function normal(deviation: number): Initialization {
  return (shape, _fan, random) => filled(shape, () => random.randn() * deviation);
}

export const zeros: Initialization = (shape) => tf.zeros(shape);
