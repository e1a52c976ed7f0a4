import { beforeAll, describe, expect, it } from 'vitest';
import { NumpyRandom } from '../random';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { batchNormEval, batchNormTrain, batchStatistics } from './batchNorm';

beforeAll(useWasm);

const random = new NumpyRandom(5);
const normals = (n: number) => Array.from({ length: n }, () => random.randn());
const factors = normals(48);
const images = normals(48);
const values = { gamma: [1.5, 0.5], beta: [0.1, -0.2] };

/** A sum of the normalised images with different factors, as a function of γ or of β. */
function sumWith(which: 'gamma' | 'beta', form: 'train' | 'eval') {
  return (varied: tf.Tensor) => {
    const x = tf.tensor4d(images, [3, 4, 2, 2]);
    const of = (name: 'gamma' | 'beta') => (name === which ? (varied as tf.Tensor1D) : tf.tensor1d(values[name]));
    const y =
      form === 'train'
        ? batchNormTrain(x, of('gamma'), of('beta'), batchStatistics(x))
        : batchNormEval(x, of('gamma'), of('beta'), tf.tensor1d([0.3, -0.1]), tf.tensor1d([2, 0.5]));
    return tf.sum<tf.Scalar>(tf.mul(y, tf.tensor4d(factors, [3, 4, 2, 2])));
  };
}

describe('batch normalisation', () => {
  it.each([
    ['γ', 'gamma', 'train'],
    ['β', 'beta', 'train'],
    ['γ', 'gamma', 'eval'],
    ['β', 'beta', 'eval'],
  ] as const)('has its gradient with regard to %s (%s, in %s mode)', (_sign, which, form) => {
    const f = sumWith(which, form);
    const gradient = tf.grad(f)(tf.tensor1d(values[which])).dataSync();
    expect(gradient).toHaveLength(2);
    for (const i of [0, 1]) {
      const at = (by: number) =>
        f(tf.tensor1d(values[which].map((value, j) => (i === j ? value + by : value)))).dataSync()[0] ?? NaN;
      // Linear in both, so that a large difference has no error but the rounding.
      expect(gradient[i]).toBeCloseTo((at(0.5) - at(-0.5)) / 1, 3);
      expect(Math.abs(gradient[i] ?? 0)).toBeGreaterThan(0.01);
    }
  });

  it('takes mean and biased variance over images and positions, channel by channel', () => {
    const { mean, variance, count } = batchStatistics(tf.tensor4d(images, [3, 4, 2, 2]));
    expect(count).toBe(24);
    for (const channel of [0, 1]) {
      const own = images.filter((_, i) => i % 2 === channel);
      const expected = own.reduce((sum, value) => sum + value, 0) / 24;
      expect(mean.dataSync()[channel]).toBeCloseTo(expected, 6);
      expect(variance.dataSync()[channel]).toBeCloseTo(
        own.reduce((sum, value) => sum + (value - expected) ** 2, 0) / 24,
        5,
      );
    }
  });

  it('stays exact for values far from zero', () => {
    const x = tf.tensor4d(
      Array.from({ length: 1000 }, (_, i) => 1000 + (i % 2)),
      [10, 10, 10, 1],
    );
    expect(batchStatistics(x).variance.dataSync()[0]).toBeCloseTo(0.25, 5);
  });

  it('in eval mode is what PyTorch writes: (x − μ) / √(σ² + 1e-5) · γ + β', () => {
    const [x, gamma, beta, mean, variance] = [3, 1.5, 0.1, 1, 4];
    const one = (value: number) => tf.tensor1d([value]);
    const y = batchNormEval(tf.tensor2d([[x]]), one(gamma), one(beta), one(mean), one(variance)).dataSync()[0];
    expect(y).toBeCloseTo(((x - mean) / Math.sqrt(variance + 1e-5)) * gamma + beta, 6);
  });
});
