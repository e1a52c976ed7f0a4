import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { writeAtomic } from '../../../formats/atomicFile';
import { decodeNpy, encodeNpy } from '../../../formats/npy';
import { messageOf } from '../../../protocol/errors';
import {
  imageNoiseSchema,
  labelNoiseSchema,
  type ImageNoiseRecord,
  type LabelNoiseRecord,
  type NoiseRecord,
} from '../../../protocol/noise';
import { runFiles } from '../../../protocol/run';
import { Problem } from '../../problem';
import type { NoisyImages } from './imageNoise';
import type { NoiseData } from './labelNoise';
import { transitionMatrix, trueErrorRate } from './statistics';

/** How a noise was made. */
export interface NoiseOrigin {
  type: string;
  rate?: number | undefined;
  seed?: number | undefined;
}

/** What is saved of label noise. @param given labels to train with [n] */
export function labelNoiseRecord(
  { train: { labels }, classNames }: NoiseData,
  given: Int32Array,
  origin: NoiseOrigin,
): LabelNoiseRecord {
  const indices = [...labels.keys()].filter((i) => given[i] !== labels[i]);
  return {
    version: 1,
    ...origin,
    count: indices.length,
    indices,
    given: indices.map((i) => given[i] ?? 0),
    true: indices.map((i) => labels[i] ?? 0),
    trueErrorRate: trueErrorRate(labels, given),
    transitionMatrix: transitionMatrix(labels, given, classNames.length),
  };
}

/** What is saved of image noise, besides the images. */
export function imageNoiseRecord({ indices }: NoisyImages, origin: NoiseOrigin): ImageNoiseRecord {
  return { version: 1, ...origin, count: indices.length, indices: [...indices], pixels: runFiles.noiseImages };
}

/** Writes a noise into a run's folder. @param noisy the images that image noise made, each of `shape` */
export async function saveNoise(
  folder: string,
  { record, noisy }: { record: NoiseRecord; noisy?: NoisyImages },
  shape: NoiseData['shape'],
): Promise<void> {
  if (noisy) {
    const file = encodeNpy({ shape: [noisy.indices.length, ...shape], data: noisy.pixels });
    await writeAtomic(join(folder, runFiles.noiseImages), Buffer.from(file));
  }
  await writeAtomic(join(folder, runFiles.noise), JSON.stringify(record));
}

/** Saved noise as a configuration names it. */
interface Saved {
  file: string;
  type: string;
  /** Of the file's own noise, where the configuration says it besides. */
  rate?: number | undefined;
}

/**
 * Saved label noise.
 * @returns the labels to train with [n], and how they were made
 * @throws Problem that names the file and what is wrong in it, or that it belongs to other labels
 */
export function readLabelNoise(
  saved: Saved,
  { train: { labels }, classNames }: NoiseData,
): { given: Int32Array; origin: NoiseOrigin } {
  const { type, rate, seed, ...record } = readRecord(saved, labelNoiseSchema);
  const { file } = saved;
  const given = labels.slice();
  record.indices.forEach((index, i) => {
    const [wrong = 0, right] = [record.given[i], record.true[i]];
    if (labels[index] !== right) {
      const found = labels[index] === undefined ? `there are only ${labels.length} samples` : `it is ${labels[index]}`;
      throw new Problem(
        `${file} belongs to other data: the label of sample ${index} should be ${right}, ${found}. Use the noise of a run on this data set.`,
      );
    }
    if (wrong >= classNames.length) {
      throw new Problem(
        `${file}: sample ${index} is given the label ${wrong}, expected 0 to ${classNames.length - 1}.`,
      );
    }
    given[index] = wrong;
  });
  return { given, origin: { type, rate, seed } };
}

/**
 * Saved image noise.
 * @returns the images that take the place of others, and how they were made
 * @throws Problem that names the file and what is wrong in it, or that it belongs to other images
 */
export function readImageNoise(
  saved: Saved,
  { train: { labels }, shape }: NoiseData,
): { noisy: NoisyImages; origin: NoiseOrigin } {
  const { type, rate, seed, count, indices, pixels: name } = readRecord(saved, imageNoiseSchema);
  const { file } = saved;
  const outside = indices.find((index) => index >= labels.length);
  if (outside !== undefined) {
    throw new Problem(
      `${file} belongs to other data: it replaces sample ${outside}, there are only ${labels.length} samples. Use the noise of a run on this data set.`,
    );
  }
  const beside = join(dirname(file), basename(name));
  const expected = [count, ...shape];
  const { shape: found, data: pixels } = readNpy(beside);
  if (!(pixels instanceof Uint8Array) || found.join() !== expected.join()) {
    throw new Problem(
      `${beside} holds an array of shape [${found.join(', ')}], expected bytes [${expected.join(', ')}]. Use the noise of a run on this data set.`,
    );
  }
  return { noisy: { indices: Int32Array.from(indices), pixels }, origin: { type, rate, seed } };
}

function readNpy(file: string) {
  try {
    return decodeNpy(readFileSync(file), file);
  } catch (error) {
    throw new Problem(`${file} could not be read as saved images: ${messageOf(error)} Keep it beside its noise.json.`);
  }
}

function readRecord<T extends z.ZodType<NoiseRecord>>({ file, type, rate }: Saved, schema: T): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Problem(`${file} could not be read as saved noise: ${messageOf(error)}. Check data.noise.file.`);
  }
  const saved = z.object({ type: z.string() }).safeParse(value);
  if (saved.success && saved.data.type !== type) {
    throw new Problem(
      `data.noise.type: ${file} holds noise of type ${saved.data.type}, not ${type}. Change the type, or use another file.`,
    );
  }
  const result = schema.safeParse(value);
  if (result.success) {
    const own = result.data.rate;
    if (rate === undefined || own === undefined || rate === own) return result.data;
    throw new Problem(
      `data.noise.rate: ${rate}, but the noise in ${file} was drawn at ${own}. Leave the rate out, or use another file.`,
    );
  }
  const [issue] = result.error.issues;
  const at = issue?.path.join('.') ?? '';
  throw new Problem(
    `${file} is not saved noise: ${at && `${at}: `}${issue?.message ?? 'wrong'}. Use a noise.json of a run’s folder.`,
  );
}
