import type { DataConfig } from '../../protocol/data';
import type { DataSet, Normalization } from '../data/types';
import type { NumpyRandom } from '../random';
import type { StepRandom } from '../runtimes/program';
import * as tf from '../tf';
import type { Weight } from './weights';

/** `train` normalises by the batch and moves the running statistics; `eval` uses these. */
export type Mode = 'train' | 'eval';

export interface Model {
  readonly weights: readonly Weight[];
  /**
   * @param images [n, h, w, c], pixels in [0, 1]
   * @param random where dropout draws from in train mode; a step's model ({@link withRandom}) has its own
   * @returns logits [n, outputs]
   */
  forward(images: tf.Tensor4D, mode: Mode, random?: StepRandom): tf.Tensor2D;
}

/** What every model is made from. */
export interface ModelShape {
  /** [height, width, channels] */
  input: readonly [number, number, number];
  outputs: number;
  /** Source of the initial weights. */
  random: NumpyRandom;
}

/** What a configuration puts in front of its model: the normalisation of the data, or none. */
export function normalizationOf({ normalization }: Pick<DataConfig, 'normalization'>, dataSet: DataSet): Normalization {
  if (normalization !== 'none') return dataSet.normalization;
  return { mean: dataSet.normalization.mean.map(() => 0), std: dataSet.normalization.std.map(() => 1) };
}

/** Puts the normalisation of the data in front of a model, so that attacks and data act on pixels in [0, 1]. */
export function withNormalization(model: Model, { mean, std }: Normalization): Model {
  if (mean.every((m) => m === 0) && std.every((s) => s === 1)) return model;
  return {
    weights: model.weights,
    forward: (images, mode, random) =>
      model.forward(tf.div(tf.sub(images, tf.tensor1d(mean)), tf.tensor1d(std)), mode, random),
  };
}

/** The same model, drawing from `random` where a pass is given no other source. */
export function withRandom(model: Model, random: StepRandom): Model {
  return { ...model, forward: (images, mode, other) => model.forward(images, mode, other ?? random) };
}
