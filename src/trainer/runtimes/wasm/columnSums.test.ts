import { beforeAll, describe, expect, it } from 'vitest';
import { NumpyRandom } from '../../random';
import * as tf from '../../tf';
import { useWasm } from '../../testing';
import { columnSums } from './columnSums';

beforeAll(useWasm);

const random = new NumpyRandom(3);

describe('column sums', () => {
  it.each([1, 255, 256, 511, 1000, 100_000])('of %i rows are as good as sums in double precision', (rows) => {
    const values = Float32Array.from({ length: rows * 2 }, () => random.random());
    const sums = columnSums(tf.tensor2d(values, [rows, 2])).dataSync();
    for (const column of [0, 1]) {
      const expected = values.reduce((sum, value, i) => (i % 2 === column ? sum + value : sum), 0);
      expect(Math.abs((sums[column] ?? NaN) / expected - 1)).toBeLessThan(1e-6);
    }
  });
});
