import type { NoiseConfig, NoiseType } from '../../../protocol/data';
import { corruptedLabel } from './corruptedLabel';
import type { LabelNoise, LabelNoiseInput } from './labelNoise';
import { applyNoiseRecord, noiseRecord, readNoiseRecord, type NoiseRecord } from './record';

export type { NoiseRecord } from './record';

/** Every label noise that a configuration can name. */
const labelNoises: Record<NoiseType, LabelNoise> = {
  corrupted_label: corruptedLabel,
};

export interface NoisyLabels {
  /** The labels to train with [n]. */
  given: Int32Array;
  /** What is saved as `noise.json`. */
  record: NoiseRecord;
}

/** Draws a noise. @param labels true labels [n] of the whole training set, in [0, classes) */
export function drawLabelNoise({ type, ...input }: LabelNoiseInput & { type: NoiseType }): NoisyLabels {
  const given = labelNoises[type](input);
  return { given, record: noiseRecord(input.labels, given, { type, rate: input.rate, seed: input.seed }) };
}

/**
 * Puts noise on labels: drawn, or read from `noise.file` where that is given.
 * @param labels true labels [n] of the whole training set, in [0, classes)
 * @throws Problem when a saved noise cannot be read or does not fit these labels
 */
export function applyNoise(labels: Int32Array, classes: number, noise: NoiseConfig & { seed: number }): NoisyLabels {
  const { type, rate, seed, file } = noise;
  if (file === undefined) return drawLabelNoise({ type, labels, classes, rate, seed });
  const record = readNoiseRecord(file);
  return { given: applyNoiseRecord(labels, classes, record, file), record };
}

/** Share of wrong labels, in [0, 1]. @param labels true labels [n] @param given [n] */
export function trueErrorRate(labels: Int32Array, given: Int32Array): number {
  return labels.length === 0
    ? 0
    : labels.reduce((wrong, label, i) => wrong + (given[i] === label ? 0 : 1), 0) / labels.length;
}

/**
 * The noise as it came out: row = true class, column = given class, entry = share of the row's samples, in [0, 1].
 * The row of a class without samples is zero.
 * @param labels true labels [n] @param given [n]
 */
export function transitionMatrix(labels: Int32Array, given: Int32Array, classes: number): number[][] {
  const counts = Array.from({ length: classes }, () => Array.from({ length: classes }, () => 0));
  labels.forEach((label, i) => {
    const row = counts[label];
    const column = given[i] ?? 0;
    if (row) row[column] = (row[column] ?? 0) + 1;
  });
  return counts.map((row) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count) => (total === 0 ? 0 : count / total));
  });
}
