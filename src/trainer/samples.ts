import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { writeAtomic } from '../formats/atomicFile';
import type { Counts } from '../protocol/evaluation';

/** What an evaluation found of one image. */
export interface Sample {
  /** Row of the test set. */
  index: number;
  label: number;
  prediction: number;
  /** After the attack. */
  perturbedPrediction: number;
  /** The attack that succeeded; empty where none did or none was needed. */
  fooledBy: string;
}

const head = 'index,label,prediction,perturbed_prediction,fooled_by\n';

/**
 * Takes up the file of an evaluation that was interrupted, or begins one. What a crash left of a batch is cut off.
 * @param batch images that are written together
 * @returns the samples that are done
 */
export async function openSamples(file: string, batch: number, total: number): Promise<Sample[]> {
  const text = existsSync(file) ? await readFile(file, 'utf8') : '';
  const lines = text.split('\n').slice(1, -1).map(parseLine);
  const torn = lines.findIndex((sample, i) => sample?.index !== i);
  const whole = lines.slice(0, torn < 0 ? lines.length : torn).filter((sample) => sample !== undefined);
  const done = whole.length >= total ? whole.slice(0, total) : whole.slice(0, whole.length - (whole.length % batch));
  await writeAtomic(file, Buffer.from(head + done.map(formatLine).join('')));
  return done;
}

export async function appendSamples(file: string, samples: readonly Sample[]): Promise<void> {
  await appendFile(file, samples.map(formatLine).join(''));
}

export function countSamples(samples: readonly Sample[]): Counts {
  const count = (is: (sample: Sample) => boolean) => samples.filter(is).length;
  return {
    total: samples.length,
    correct: count(({ label, prediction }) => prediction === label),
    robust: count(({ label, perturbedPrediction }) => perturbedPrediction === label),
  };
}

function formatLine({ index, label, prediction, perturbedPrediction, fooledBy }: Sample): string {
  return `${[index, label, prediction, perturbedPrediction, fooledBy].join(',')}\n`;
}

function parseLine(line: string): Sample | undefined {
  const [index, label, prediction, perturbedPrediction, fooledBy] = line.split(',');
  if (fooledBy === undefined) return undefined;
  const sample = {
    index: Number(index),
    label: Number(label),
    prediction: Number(prediction),
    perturbedPrediction: Number(perturbedPrediction),
    fooledBy,
  };
  return Object.values(sample).some((value) => Number.isNaN(value)) ? undefined : sample;
}
