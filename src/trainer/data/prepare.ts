import type { DataConfig } from '../../protocol/data';
import { Problem } from '../problem';
import { shortened } from './imageList';
import { applyNoise, type Noise } from './noise';
import { imageRange, type Images } from './streamedImages';
import type { DataSet } from './types';

/** Some of the training images, first ones first. */
export interface Part {
  length: number;
  /** Bytes [length, h, w, c]. */
  images: Images;
  /** The same images without noise, where there is noise on images. */
  cleanImages?: Images;
  /** True labels. */
  labels: Int32Array;
  /** Labels given for training. */
  given: Int32Array;
}

export interface TrainingData {
  train: Part;
  /** Empty unless a share is kept for validation. */
  validation: Part;
  /** Given labels of the whole training set, validation images included. */
  given: Int32Array;
  noise: Noise | undefined;
}

/**
 * Noise is drawn on the whole training set, as the authors do, then the end is kept for validation, then the first
 * `limit` samples are taken.
 * @param seed of the run, for noise that has none of its own
 * @throws Problem when nothing is left to train on
 */
export function prepareTrainingData(
  dataSet: DataSet,
  { noise, ...parts }: Pick<DataConfig, 'noise' | 'validation' | 'limit'>,
  seed: number,
): TrainingData {
  const { train, shape } = dataSet;
  const noisy = noise && applyNoise(dataSet, noise, seed);
  const given = noisy?.given ?? train.labels;
  const images = noisy?.images ?? train.images;
  const all = train.labels.length;
  const { used, kept } = partsOf(parts, all);
  if (used < 2) {
    throw new Problem(`data: only ${used} training images are left. Raise data.limit or lower data.validation.`);
  }
  const size = shape[0] * shape[1] * shape[2];
  const part = (from: number, to: number): Part => ({
    length: to - from,
    images: imageRange(images, from, to, size),
    ...(images === train.images ? {} : { cleanImages: imageRange(train.images, from, to, size) }),
    labels: train.labels.subarray(from, to),
    given: given.subarray(from, to),
  });
  return { train: part(0, used), validation: part(kept, all), given, noise: noisy };
}

/** The first `used` of all samples are for training, those from `kept` on for validation. */
function partsOf({ validation, limit }: Pick<DataConfig, 'validation' | 'limit'>, all: number) {
  const kept = all - validationCount(validation, all);
  return { used: Math.min(limit ?? kept, kept), kept };
}

/** In words, which classes have images but none in a part. That is odd, and can still be what somebody wants. */
export function missingClasses(
  classNames: readonly string[],
  labels: Int32Array,
  options: Pick<DataConfig, 'validation' | 'limit'>,
): string[] {
  const { used, kept } = partsOf(options, labels.length);
  const all = new Set(labels);
  return [
    { what: 'trained on', part: labels.subarray(0, used) },
    { what: 'kept for validation', part: labels.subarray(kept) },
  ].flatMap(({ what, part }) => {
    const there = new Set(part);
    const missing = classNames.filter((_, label) => all.has(label) && !there.has(label));
    if (part.length === 0 || missing.length === 0) return [];
    return [
      `data: the ${part.length.toLocaleString('en')} images ${what} lack ${missing.length} of ${all.size} classes: ${shortened(missing)}. Images in a list are taken in its order: mix its lines, or change data.limit or data.validation.`,
    ];
  });
}

/** How many samples at the end are kept: a share below 1, truncated as Python's int() does, or a number of samples. */
export function validationCount(validation: number, samples: number): number {
  return validation < 1 ? Math.trunc(validation * samples) : Math.min(Math.trunc(validation), samples);
}
