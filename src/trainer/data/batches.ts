import { NumpyRandom } from '../random';
import * as tf from '../tf';
import type { DataSet } from './types';

/**
 * What random numbers are drawn for. Each use has a generator of its own, seeded by the run's seed, the use, the epoch
 * and the step: no state needs saving, and `numpy.random.RandomState([seed, use, epoch, step])` draws the same.
 */
export const randomStreams = { weights: 0, order: 1, augmentation: 2, method: 3 } as const;

/** The generator of one use at one moment. */
export function batchRandom(
  seed: number,
  stream: (typeof randomStreams)[keyof typeof randomStreams],
  epoch: number,
  step: number,
): NumpyRandom {
  return new NumpyRandom([seed, stream, epoch, step]);
}

/** The order in which an epoch visits n samples. @param epoch 0-based */
export function epochOrder(seed: number, epoch: number, n: number): Int32Array {
  return batchRandom(seed, randomStreams.order, epoch, 0).permutation(n);
}

/** Copies rows out of images. @param images bytes [n, h, w, c] @returns bytes [rows, h, w, c] */
export function gatherImages(images: Uint8Array, rows: Int32Array, shape: DataSet['shape']): Uint8Array {
  const size = shape[0] * shape[1] * shape[2];
  const batch = new Uint8Array(rows.length * size);
  rows.forEach((row, i) => batch.set(images.subarray(row * size, (row + 1) * size), i * size));
  return batch;
}

/** Bytes as pixels in [0, 1]. @param bytes [n, h, w, c] */
export function imageTensor(
  bytes: Uint8Array,
  { shape, pixelScale }: Pick<DataSet, 'shape' | 'pixelScale'>,
): tf.Tensor4D {
  const n = bytes.length / (shape[0] * shape[1] * shape[2]);
  const pixels = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) pixels[i] = (bytes[i] ?? 0) / pixelScale;
  return tf.tensor4d(pixels, [n, ...shape]);
}
