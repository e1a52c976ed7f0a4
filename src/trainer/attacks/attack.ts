import type { AttackName } from '../../protocol/attacks';
import { argMax } from '../evaluate';
import type { NumpyRandom } from '../random';
import type { Points, Victim } from './victim';

/**
 * Maps images that the network classifies right to perturbed ones, which it may not. Row i of the result is within the
 * ball around row i, and in [0, 1].
 * @param pause of attempts that are too long to be lost when they are stopped
 */
export type Attack = (victim: Victim, points: Points, random: NumpyRandom, pause?: Pause) => Promise<Float32Array>;

/** What an attempt has come to with a batch: with the same points and random numbers it goes on from here. */
export interface Halfway {
  /** Steps done. */
  step: number;
  /** [n · h · w · c] */
  images: Float32Array;
  /** What the attempt knows of each image. [n] */
  scores: Float32Array;
}

export interface Pause {
  /** What an earlier call has kept; undefined: begin. */
  begun: Halfway | undefined;
  /** Called after every step; its arrays may be live, and are looked at when the attempt has been stopped. */
  keep: (halfway: Halfway) => void;
}

/** One of the attempts that an attack consists of, each on the images that none before has fooled. */
export interface Part {
  name: AttackName;
  /** Forward passes that it makes with each image, unless it ends early; a gradient counts {@link gradientPasses}. */
  passes: number;
  attack: Attack;
}

/** An attack as it was asked for. */
export interface Plan {
  /** Classes that there must be for it to be defined. */
  classes: number;
  /** @param classes how many there are @returns its attempts in their order */
  parts: (classes: number) => Part[];
}

/** What the gradient of a loss with respect to the images costs, in forward passes. */
export const gradientPasses = 2;

export function times<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

/**
 * The parts of an attack towards one other class at a time, each as often as it starts anew.
 * @param part made for the 1st, 2nd, … other class
 */
export function towardsEach(
  { targets, restarts }: { targets: number; restarts: number },
  classes: number,
  part: (target: number, restart: number) => Part,
): Part[] {
  return times(Math.min(targets, classes - 1), (i) => times(restarts, (restart) => part(i + 1, restart))).flat();
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
