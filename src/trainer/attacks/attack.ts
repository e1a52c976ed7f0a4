import { argMax } from '../evaluate';
import type { NumpyRandom } from '../random';
import { sizeOf, type Points, type Victim } from './victim';

/**
 * Maps images that the network classifies right to perturbed ones, which it may not. Row i of the result is within the
 * ball around row i, and in [0, 1].
 */
export type Attack = (victim: Victim, points: Points, random: NumpyRandom) => Promise<Float32Array>;

/** One attempt at some images. */
export interface Attempt {
  images: Float32Array;
  /** 1 where the perturbed image is misclassified. */
  fooled: Uint8Array;
}

/** An attack by its name. */
export interface Part {
  name: string;
  attack: Attack;
}

/**
 * Makes attempts one after the other, each on the images that none before has fooled.
 * @param wrong 1 for images that need no attempt
 */
export async function inTurn(
  { shape }: Victim,
  points: Points,
  wrong: Uint8Array,
  attempts: readonly ((left: Points) => Promise<Attempt>)[],
): Promise<Attempt> {
  const size = sizeOf(shape);
  const images = points.images.slice();
  const fooled = wrong.slice();
  for (const attempt of attempts) {
    const rows = indicesOf(fooled, 0);
    if (rows.length === 0) break;
    const result = await attempt(pointsAt(points, rows, size));
    rows.forEach((row, i) => {
      if (result.fooled[i] !== 1) return;
      fooled[row] = 1;
      images.set(result.images.subarray(i * size, (i + 1) * size), row * size);
    });
  }
  return { images, fooled };
}

/** Makes the same attempt several times. All images are classified right at first. */
export async function restarted(
  victim: Victim,
  points: Points,
  restarts: number,
  attempt: (left: Points, restart: number) => Promise<Attempt>,
): Promise<Float32Array> {
  const attempts = Array.from({ length: restarts }, (_, restart) => (left: Points) => attempt(left, restart));
  return (await inTurn(victim, points, new Uint8Array(points.labels.length), attempts)).images;
}

/** Judges perturbed images by the network's predictions. */
export async function attempted(
  victim: Victim,
  { labels }: Points,
  images: Float32Array,
): Promise<Attempt & { predictions: Int32Array }> {
  const predictions = predictionsOf(await victim.logits(images), labels.length);
  return {
    images,
    predictions,
    fooled: Uint8Array.from(predictions, (prediction, i) => (prediction === labels[i] ? 0 : 1)),
  };
}

/** The arg max of each of n rows. */
export function predictionsOf(logits: Float32Array, n: number): Int32Array {
  const k = logits.length / n;
  return Int32Array.from({ length: n }, (_, i) => argMax(logits, i * k, k));
}

/** 1 for each row whose arg max is not the label. */
export function misclassified(logits: Float32Array, labels: Int32Array): Uint8Array {
  const predictions = predictionsOf(logits, labels.length);
  return Uint8Array.from(labels, (label, i) => (predictions[i] === label ? 0 : 1));
}

/** The class of the given rank for each row: 0 the likeliest. @returns [n] */
export function classOfRank(logits: Float32Array, n: number, rank: number): Int32Array {
  const k = logits.length / n;
  return Int32Array.from({ length: n }, (_, i) => {
    const row = logits.subarray(i * k, (i + 1) * k);
    const order = Array.from(row.keys()).sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0));
    return order[rank] ?? 0;
  });
}

export function pointsAt({ images, labels }: Points, rows: readonly number[], size: number): Points {
  const taken = new Float32Array(rows.length * size);
  rows.forEach((row, i) => taken.set(images.subarray(row * size, (row + 1) * size), i * size));
  return { images: taken, labels: Int32Array.from(rows, (row) => labels[row] ?? 0) };
}

function indicesOf(flags: Uint8Array, value: number): number[] {
  return Array.from(flags.keys()).filter((i) => flags[i] === value);
}
