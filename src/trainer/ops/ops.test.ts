import { beforeAll, describe, expect, it } from 'vitest';
import { NumpyRandom } from '../random';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { batchNormTrain } from './batchNorm';
import { crossEntropy } from './crossEntropy';

beforeAll(useWasm);

const random = new NumpyRandom(3);
const normals = (n: number) => Array.from({ length: n }, () => random.randn());

/** Largest difference between a gradient and central differences of the function. */
function gradientError(f: (x: tf.Tensor) => tf.Scalar, x: tf.Tensor): number {
  const gradient = tf.grad(f)(x).dataSync();
  const values = [...x.dataSync()];
  const h = 1e-2;
  const at = (i: number, by: number) =>
    f(
      tf.tensor(
        values.map((value, j) => (i === j ? value + by : value)),
        x.shape,
      ),
    ).dataSync()[0] ?? NaN;
  return Math.max(...values.map((_, i) => Math.abs((gradient[i] ?? NaN) - (at(i, h) - at(i, -h)) / (2 * h))));
}

describe('cross-entropy', () => {
  const targets = tf.tidy(() => [
    [0.7, 0.2, 0.1],
    [0, 0, 1],
  ]);

  it('has the gradient of its value, with soft targets and weights', () => {
    const x = tf.tensor2d(normals(6), [2, 3]);
    const f = (z: tf.Tensor) => crossEntropy(z as tf.Tensor2D, tf.tensor2d(targets), tf.tensor1d([0.5, 1.5]));
    expect(gradientError(f, x)).toBeLessThan(1e-3);
  });

  it('stays finite for logits far apart', () => {
    const loss = crossEntropy(tf.tensor2d([[1000, -1000, 0]]), tf.tensor2d([[0, 1, 0]]));
    expect(loss.dataSync()[0]).toBe(2000);
  });
});

describe('batch normalisation in training', () => {
  const gamma = () => tf.tensor1d([1.5, 0.5]);
  const beta = () => tf.tensor1d([0.1, -0.2]);
  const running = () => ({ mean: tf.zeros<tf.Rank.R1>([2]), variance: tf.ones<tf.Rank.R1>([2]) });

  it('has the gradient of its value', () => {
    const x = tf.tensor4d(normals(3 * 2 * 2 * 2), [3, 2, 2, 2]);
    const factors = tf.tensor4d(normals(24), [3, 2, 2, 2]);
    const f = (z: tf.Tensor) =>
      tf.sum<tf.Scalar>(tf.mul(batchNormTrain(z as tf.Tensor4D, gamma(), beta(), running()).y, factors));
    expect(gradientError(f, x)).toBeLessThan(5e-3);
  });

  it('gives each channel the mean β and the deviation γ', () => {
    const x = tf.tensor4d(normals(200), [10, 5, 2, 2]);
    const y = batchNormTrain(x, gamma(), beta(), running()).y;
    const { mean, variance } = tf.moments(y, [0, 1, 2]);
    [...mean.dataSync()].forEach((value, i) => expect(value).toBeCloseTo([0.1, -0.2][i] ?? NaN, 5));
    [...variance.dataSync()].forEach((value, i) => expect(Math.sqrt(value)).toBeCloseTo([1.5, 0.5][i] ?? NaN, 3));
  });
});
