import { beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { crossEntropies, klDivergence } from './divergence';

beforeAll(useWasm);

const p = [
  [0, Math.log(3)],
  [2, 2],
];
const q = [
  [0, 0],
  [1, 1],
];

describe('KL divergence of rows', () => {
  it('is Σ p log(p / q), zero for equal distributions', () => {
    const [first, second] = klDivergence(tf.tensor2d(p), tf.tensor2d(q)).dataSync();
    expect(first).toBeCloseTo(0.25 * Math.log(0.5) + 0.75 * Math.log(1.5), 6);
    expect(second).toBeCloseTo(0, 6);
  });

  it('has gradients with respect to both sides, rows apart', () => {
    const kl = (a: tf.Tensor, b: tf.Tensor) =>
      tf.sum(tf.mul(klDivergence(a as tf.Tensor2D, b as tf.Tensor2D), tf.tensor1d([2, 1])));
    const [first, second] = tf.grads(kl)([tf.tensor2d(p), tf.tensor2d(q)]);
    const divergence = 0.25 * Math.log(0.5) + 0.75 * Math.log(1.5);
    const expected = [2 * 0.25 * (Math.log(0.5) - divergence), 2 * 0.75 * (Math.log(1.5) - divergence), 0, 0];
    [...first!.dataSync()].forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 6));
    [...second!.dataSync()].forEach((value, i) => expect(value).toBeCloseTo([0.5, -0.5, 0, 0][i]!, 6));
  });
});

describe('cross-entropy of rows', () => {
  it('is −Σ t log p, with the gradient p Σ t − t', () => {
    const targets = tf.tensor2d([
      [0, 1],
      [0.5, 0.5],
    ]);
    const { value, grad } = tf.valueAndGrad((z) => tf.sum(crossEntropies(z as tf.Tensor2D, targets)))(tf.tensor2d(p));
    expect(value.dataSync()[0]).toBeCloseTo(-Math.log(0.75) + Math.log(2), 6);
    [...grad.dataSync()].forEach((g, i) => expect(g).toBeCloseTo([0.25, -0.25, 0, 0][i]!, 6));
  });
});
