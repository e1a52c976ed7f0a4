import { beforeAll, describe, expect, it } from 'vitest';
import { NumpyRandom } from '../random';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { batchNormEval, batchNormTrain } from './batchNorm';

beforeAll(useWasm);

const random = new NumpyRandom(5);
const normals = (n: number) => Array.from({ length: n }, () => random.randn());
const factors = normals(48);
const images = normals(48);
const values = { gamma: [1.5, 0.5], beta: [0.1, -0.2] };

const start = () => ({ mean: tf.zeros<tf.Rank.R1>([2]), variance: tf.ones<tf.Rank.R1>([2]) });

/** A sum of the normalised images with different factors, as a function of γ or of β. */
function sumWith(which: 'gamma' | 'beta', form: 'train' | 'eval') {
  return (varied: tf.Tensor) => {
    const x = tf.tensor4d(images, [3, 4, 2, 2]);
    const of = (name: 'gamma' | 'beta') => (name === which ? (varied as tf.Tensor1D) : tf.tensor1d(values[name]));
    const y =
      form === 'train'
        ? batchNormTrain(x, of('gamma'), of('beta'), start()).y
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

  it('moves the running statistics a tenth towards mean and unbiased variance of each channel', () => {
    const gamma = tf.tensor1d(values.gamma);
    const { mean, variance } = batchNormTrain(tf.tensor4d(images, [3, 4, 2, 2]), gamma, gamma, start());
    for (const channel of [0, 1]) {
      const own = images.filter((_, i) => i % 2 === channel);
      const expected = own.reduce((sum, value) => sum + value, 0) / 24;
      expect(mean.dataSync()[channel]).toBeCloseTo(0.1 * expected, 6);
      const squares = own.reduce((sum, value) => sum + (value - expected) ** 2, 0);
      expect(variance.dataSync()[channel]).toBeCloseTo(0.9 + (0.1 * squares) / 23, 5);
    }
  });

  it('stays exact for values far from zero', () => {
    const x = tf.tensor4d(
      Array.from({ length: 1000 }, (_, i) => 1000 + (i % 2)),
      [10, 10, 10, 1],
    );
    const [one, zero] = [tf.ones<tf.Rank.R1>([1]), tf.zeros<tf.Rank.R1>([1])];
    const { variance } = batchNormTrain(x, one, zero, { mean: zero, variance: one });
    expect(variance.dataSync()[0]).toBeCloseTo(0.9 + (0.1 * 250) / 999, 5);
  });

  it('in eval mode is what PyTorch writes: (x − μ) / √(σ² + 1e-5) · γ + β', () => {
    const [x, gamma, beta, mean, variance] = [3, 1.5, 0.1, 1, 4];
    const one = (value: number) => tf.tensor1d([value]);
    const y = batchNormEval(tf.tensor4d([[[[x]]]]), one(gamma), one(beta), one(mean), one(variance)).dataSync()[0];
    expect(y).toBeCloseTo(((x - mean) / Math.sqrt(variance + 1e-5)) * gamma + beta, 6);
  });
});
