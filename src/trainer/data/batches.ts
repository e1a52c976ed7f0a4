import { NumpyRandom } from '../random';

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
