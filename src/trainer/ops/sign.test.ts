import { beforeAll, expect, it } from 'vitest';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { sign } from './sign';

beforeAll(useWasm);

it('knows the sign of numbers that are far below float32’s precision around one', () => {
  const values = sign(tf.tensor1d([-2, -1e-9, -1e-30, 0, 1e-30, 1e-9, 3])).dataSync();
  expect([...values]).toEqual([-1, -1, -1, 0, 1, 1, 1]);
});
