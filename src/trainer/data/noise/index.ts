import type { NoiseConfig, NoiseOptions, NoiseType } from '../../../protocol/data';
import type { NoiseRecord } from '../../../protocol/noise';
import { Problem } from '../../problem';
import { asymmetric } from './asymmetric';
import { corruptedLabel } from './corruptedLabel';
import {
  gaussian,
  imagesForNoise,
  randomPixels,
  shuffledPixels,
  withNoisyImages,
  type ImageNoise,
  type NoisyImages,
} from './imageNoise';
import { instanceDependent } from './instanceDependent';
import { labelFile } from './labelFile';
import type { Drawn, LabelNoise, NoiseData } from './labelNoise';
import { pairFlip } from './pairFlip';
import { imageNoiseRecord, labelNoiseRecord, readImageNoise, readLabelNoise, type NoiseOrigin } from './record';
import type { Images } from '../streamedImages';
import { symmetric } from './symmetric';

export { saveNoise } from './record';
export { transitionMatrix, trueErrorRate } from './statistics';
export type { NoiseData } from './labelNoise';

type ImageNoiseType = 'Gaussian' | 'random_pixels' | 'shuffled_pixels';
type LabelNoiseType = Exclude<NoiseType, ImageNoiseType | 'label_file'>;

/** Every label noise that is drawn. */
const labelNoises: Record<LabelNoiseType, LabelNoise<Drawn & Pick<NoiseOptions<'asymmetric'>, 'map'>>> = {
  corrupted_label: corruptedLabel,
  symmetric,
  asymmetric,
  pair_flip: pairFlip,
  instance_dependent: instanceDependent,
};

/** Every image noise that a configuration can name. */
const imageNoises: Record<ImageNoiseType, ImageNoise> = {
  Gaussian: gaussian,
  random_pixels: randomPixels,
  shuffled_pixels: shuffledPixels,
};

/** A training set with noise on its labels or on its images. */
export interface Noise {
  /** Labels to train with [n]. */
  given: Int32Array;
  /** Images to train with. */
  images: Images;
  /** What is saved as `noise.json`. */
  record: NoiseRecord;
  /** The images that image noise made. */
  noisy?: NoisyImages;
}

/**
 * Puts noise on a training set: drawn, or read from a saved one where `noise.file` names it.
 * @param seed for noise that has none of its own
 * @throws Problem when the noise cannot be made or read, or a saved one does not fit this data
 */
export function applyNoise(data: NoiseData, config: NoiseConfig, seed: number): Noise {
  const { labels, images } = data.train;
  if (isImageNoise(config)) {
    // Before noise for all of them is drawn.
    const bytes = imagesForNoise(images);
    const { noisy, origin } = makeNoisyImages(data, config, seed);
    return { given: labels, images: withNoisyImages(bytes, noisy), record: imageNoiseRecord(noisy, origin), noisy };
  }
  const { given, origin } = makeNoisyLabels(data, config, seed);
  return { given, images, record: labelNoiseRecord(data, given, origin) };
}

/** A noise in one sentence, for the log. @param samples of the whole training set */
export function describeNoise(record: NoiseRecord, samples: number): string {
  const count = record.count.toLocaleString('en');
  const all = samples.toLocaleString('en');
  const percent = ((100 * record.count) / samples).toFixed(1);
  return 'pixels' in record
    ? `Noise ${record.type}: ${count} of ${all} training images (${percent} %) are replaced; their labels stay.`
    : `Noise ${record.type}: ${count} of ${all} training labels (${percent} %) are wrong. The transition matrix is in noise.json.`;
}

function isImageNoise(config: NoiseConfig): config is NoiseOptions<ImageNoiseType> {
  return Object.hasOwn(imageNoises, config.type);
}

function makeNoisyImages(
  data: NoiseData,
  config: NoiseOptions<ImageNoiseType>,
  runSeed: number,
): { noisy: NoisyImages; origin: NoiseOrigin } {
  const { type, file } = config;
  if (file !== undefined) return readImageNoise({ ...config, file }, data);
  const drawn = drawnBy(config, runSeed);
  return { noisy: imageNoises[type](drawn, data), origin: { type, ...drawn } };
}

function makeNoisyLabels(
  data: NoiseData,
  config: NoiseOptions<LabelNoiseType | 'label_file'>,
  runSeed: number,
): { given: Int32Array; origin: NoiseOrigin } {
  const { type, file } = config;
  if (type === 'label_file') return { given: labelFile(config, data), origin: { type } };
  if (file !== undefined) return readLabelNoise({ ...config, file }, data);
  const drawn = drawnBy(config, runSeed);
  return { given: labelNoises[type]({ ...config, ...drawn }, data), origin: { type, ...drawn } };
}

function drawnBy({ rate, seed }: { rate?: number | undefined; seed?: number | undefined }, runSeed: number): Drawn {
  if (rate === undefined) throw new Problem('data.noise.rate: missing. Set it, or data.noise.file.');
  return { rate, seed: seed ?? runSeed };
}
