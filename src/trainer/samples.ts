import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { writeAtomic } from '../formats/atomicFile';
import { decodeSafetensors, encodeSafetensors, type Tensor } from '../formats/safetensors';
import { sampleColumns, type Counts } from '../protocol/evaluation';
import { Problem } from './problem';
import { isRobust, type Sample, type StoppedUnit } from './robustness';

const head = sampleColumns.join(',');

/** Writes a row for each image, whole or not at all. */
export async function writeSamples(file: string, samples: readonly Sample[]): Promise<void> {
  const lines = samples.map(({ index, label, prediction, perturbedPrediction, fooledBy, attacks }) =>
    [index, label, prediction, perturbedPrediction, fooledBy, attacks].join(','),
  );
  await writeAtomic(file, [head, ...lines, ''].join('\n'));
}

/**
 * What an evaluation that was interrupted has left; undefined when there is nothing.
 * @throws Problem when the file was changed
 */
export async function readSamples(file: string, total: number): Promise<Sample[] | undefined> {
  if (!existsSync(file)) return undefined;
  const [first, ...lines] = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const samples = lines.map(parseLine);
  if (first !== head || samples.length !== total || samples.some((sample, i) => sample.index !== i)) {
    throw new Problem(`${file} was changed. Delete it to begin the evaluation anew.`);
  }
  return samples;
}

/** Keeps what a stop has left of a batch. */
export async function writeStopped(file: string, { images, scores, ...place }: StoppedUnit): Promise<void> {
  const tensors = new Map<string, Tensor>([
    ['images', { dtype: 'F32', shape: [images.length], data: images }],
    ['scores', { dtype: 'F32', shape: [scores.length], data: scores }],
  ]);
  await writeAtomic(file, encodeSafetensors(tensors, { place: JSON.stringify(place) }));
}

const placeSchema = z.object({ attempt: z.int(), batch: z.int(), step: z.int(), passes: z.number() });

/** What {@link writeStopped} has kept; undefined when there is nothing. @throws Problem when the file was changed */
export async function readStopped(file: string): Promise<StoppedUnit | undefined> {
  if (!existsSync(file)) return undefined;
  try {
    const { tensors, metadata } = decodeSafetensors(await readFile(file), file);
    const place = placeSchema.parse(JSON.parse(metadata['place'] ?? ''));
    const [images, scores] = ['images', 'scores'].map((name) => tensors.get(name)?.data);
    if (images instanceof Float32Array && scores instanceof Float32Array) return { ...place, images, scores };
  } catch {
    // Said below.
  }
  throw new Problem(`${file} was changed. Delete it to begin its batch anew.`);
}

export function countSamples(samples: readonly Sample[]): Counts {
  return {
    total: samples.length,
    correct: samples.filter(({ label, prediction }) => prediction === label).length,
    robust: samples.filter(isRobust).length,
  };
}

function parseLine(line: string): Sample {
  const [index, label, prediction, perturbedPrediction, fooledBy = '', attacks] = line.split(',');
  return {
    index: Number(index),
    label: Number(label),
    prediction: Number(prediction),
    perturbedPrediction: Number(perturbedPrediction),
    fooledBy,
    attacks: Number(attacks),
  };
}
