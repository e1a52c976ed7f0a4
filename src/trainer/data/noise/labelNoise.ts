import type { DataSet } from '../types';

/** What a noise may look at. Noise is put on the whole training set. */
export type NoiseData = Pick<DataSet, 'name' | 'classNames' | 'shape' | 'pixelScale' | 'normalization' | 'train'>;

/** A kind of label noise. @returns the labels to train with [n], a new array */
export type LabelNoise<Options> = (options: Options, data: NoiseData) => Int32Array;

/** Options of a noise that is drawn. */
export interface Drawn {
  /** In [0, 1]; what it is a share of is up to the noise. */
  rate: number;
  /** In [0, 2³²). */
  seed: number;
}

/** Truncated, as Python's int() does: 0.29 of 100 are 28. */
export function shareOf(rate: number, samples: number): number {
  return Math.trunc(rate * samples);
}
