import type { AttackConfig } from '../protocol/attacks';
import type { About } from '../protocol/events';
import { gradientPasses, predictionsOf, type Halfway, type Part } from './attacks/attack';
import { createAttack } from './attacks/registry';
import { sizeOf, type Points, type Victim } from './attacks/victim';
import { gatherImages } from './data/imageSource';
import type { DataSet } from './data/types';
import { countNotFinite } from './evaluate';
import { Problem } from './problem';
import { NumpyRandom } from './random';

/** Images that are attacked together. */
export const attackedTogether = 128;

/** The images of an evaluation. */
export interface Subject {
  /** [n] */
  labels: Int32Array;
  /** Pixels in [0, 1] of some rows. */
  pixels: (rows: readonly number[]) => Float32Array;
}

/** What is known of one image. */
export interface Sample {
  /** Its row. */
  index: number;
  label: number;
  /** Class of the natural image. */
  prediction: number;
  /** Class of the perturbed one; of the natural one as long as no attack has succeeded. */
  perturbedPrediction: number;
  /** The attack that succeeded; empty where none has or none was needed. */
  fooledBy: string;
  /** How many attempts it went through. */
  attacks: number;
}

/** What one batch came to. */
export interface Unit {
  /** Rows that were attacked. */
  rows: number[];
  natural: Float32Array;
  perturbed: Float32Array;
  /** Estimate of the robust accuracy from what the present attempt has seen so far; exact when it is through. */
  robustShare: number;
  /** Images that the estimate stands for. */
  seen: number;
  /** How far all is, in [0, 1]. */
  done: number;
}

/** Where a stop came in the middle of a batch. */
export interface StoppedUnit extends Halfway {
  /** Which attempt, and which of its batches. */
  attempt: number;
  batch: number;
  /** Passes that it has made, each counted for each image. */
  passes: number;
}

/** How attacks that take long are followed, and go on in the middle of a batch. */
export interface Following {
  /** Awaited after each batch. */
  unit?: (unit: Unit) => void | Promise<void>;
  /** Called within a batch. @param done how far all is, in [0, 1] */
  passed?: (done: number) => void;
  /** What an earlier call has kept of the batch that it was stopped in. */
  begun?: StoppedUnit | undefined;
  /** Called as a batch advances, and with nothing when it has ended; its arrays are live. */
  keep?: (stopped: StoppedUnit | undefined) => void;
}

/** The first test images of a data set. */
export function testSubject({ test, shape, pixelScale }: DataSet, limit: number | undefined): Subject {
  const n = Math.min(limit ?? test.labels.length, test.labels.length);
  return {
    labels: test.labels.subarray(0, n),
    pixels: (rows) =>
      Float32Array.from(gatherImages(test.images, Int32Array.from(rows), shape), (byte) => byte / pixelScale),
  };
}

/**
 * Natural predictions of all images, as samples that no attack has seen.
 * @throws Problem when outputs are not finite: their arg max would be class 0, and be counted
 */
export async function naturalSamples(victim: Victim, { labels, pixels }: Subject): Promise<Sample[]> {
  const samples: Sample[] = [];
  let broken = 0;
  for (const rows of batchesOf(Array.from(labels.keys()))) {
    const logits = await victim.logits(pixels(rows));
    broken += countNotFinite(logits, rows.length);
    const predictions = predictionsOf(logits, rows.length);
    rows.forEach((index, i) => {
      const prediction = predictions[i] ?? NaN;
      const label = labels[index] ?? NaN;
      samples.push({ index, label, prediction, perturbedPrediction: prediction, fooledBy: '', attacks: 0 });
    });
  }
  if (broken > 0) {
    throw new Problem(
      `The network’s outputs are not finite for ${broken} of ${labels.length} images: its training diverged, or its ` +
        'weights are damaged. Choose an earlier checkpoint.',
    );
  }
  return samples;
}

/**
 * Attacks the images that are classified right, one attempt after the other, each on what those before have left, batch
 * by batch. A batch's random numbers depend on the seed, the attempt and its place alone, and batches that the samples
 * have been through are skipped: an interrupted call can be repeated with the samples it left.
 * @param samples updated batch by batch
 */
export async function attackSamples(
  victim: Victim,
  parts: readonly Part[],
  seed: number,
  { labels, pixels }: Subject,
  samples: Sample[],
  following: Following = {},
): Promise<void> {
  const size = sizeOf(victim.shape);
  for (const [attempt, { name, passes: expected, attack }] of parts.entries()) {
    const left = samples.filter((sample) => isLeft(sample, attempt)).map(({ index }) => index);
    const batches = batchesOf(left);
    for (const [batch, rows] of batches.entries()) {
      if (rows.every((row) => (samples[row]?.attacks ?? 0) > attempt)) continue;
      const points: Points = { images: pixels(rows), labels: Int32Array.from(rows, (row) => labels[row] ?? 0) };
      const random = new NumpyRandom([seed, attempt, batch]);
      const begun =
        following.begun?.attempt === attempt && following.begun.batch === batch ? following.begun : undefined;
      let passes = begun?.passes ?? 0;
      const doneAt = doneWithin(samples, parts);
      const watched = counting(victim, (more) => {
        passes += more;
        // An attempt that judges its result makes a few passes more than it says.
        following.passed?.(doneAt(Math.min(passes, expected * rows.length)));
      });
      const keep = (halfway: Halfway) => following.keep?.({ ...halfway, attempt, batch, passes });
      const perturbed = await attack(watched, points, random, { begun, keep });
      following.keep?.(undefined);
      const predictions = predictionsOf(await victim.logits(perturbed), rows.length);
      rows.forEach((row, i) => {
        const sample = samples[row];
        if (!sample) throw new Error(`there is no sample ${row}`);
        sample.attacks = attempt + 1;
        if (predictions[i] === sample.label) {
          perturbed.set(points.images.subarray(i * size, (i + 1) * size), i * size);
          return;
        }
        sample.fooledBy = name;
        sample.perturbedPrediction = predictions[i] ?? NaN;
      });
      const seen = batches.slice(0, batch + 1).flat();
      const survived = seen.filter((row) => samples[row]?.fooledBy === '').length;
      await following.unit?.({
        rows,
        natural: points.images,
        perturbed,
        robustShare: ((left.length / samples.length) * survived) / seen.length,
        seen: Math.round((samples.length * seen.length) / left.length),
        done: doneShare(samples, parts),
      });
    }
  }
}

/** A victim that tells of each pass, by the images in it; a gradient counts {@link gradientPasses}. */
function counting(victim: Victim, onPasses: (passes: number) => void): Victim {
  return {
    ...victim,
    async logits(images) {
      const result = await victim.logits(images);
      onPasses(images.length / sizeOf(victim.shape));
      return result;
    },
    async gradient(loss, points, targets) {
      const result = await victim.gradient(loss, points, targets);
      onPasses(gradientPasses * points.labels.length);
      return result;
    },
  };
}

/**
 * How far some attempts are with all images, in [0, 1]: passes made, of those and the ones that are left if no further
 * image is fooled.
 * @param within passes made in a batch that has not ended
 */
export function doneShare(samples: readonly Sample[], parts: readonly Part[], within = 0): number {
  return doneWithin(samples, parts)(within);
}

function doneWithin(samples: readonly Sample[], parts: readonly Part[]): (passes: number) => number {
  const before = [0];
  for (const { passes } of parts) before.push((before.at(-1) ?? 0) + passes);
  let [made, left] = [0, 0];
  for (const { label, prediction, fooledBy, attacks } of samples) {
    if (prediction !== label) continue;
    const through = before[attacks] ?? 0;
    made += through;
    if (fooledBy === '') left += (before.at(-1) ?? 0) - through;
  }
  return (passes) => (left === 0 ? 1 : (made + passes) / (made + left));
}

/** Whether an image is classified right, and none of the attempts before this one has changed that. */
function isLeft({ label, prediction, fooledBy, attacks }: Sample, attack: number): boolean {
  return prediction === label && (fooledBy === '' || attacks > attack);
}

function batchesOf(rows: readonly number[]): number[][] {
  return Array.from({ length: Math.ceil(rows.length / attackedTogether) }, (_, i) =>
    rows.slice(i * attackedTogether, (i + 1) * attackedTogether),
  );
}

/** What a robust accuracy was measured on and with. @param images of the subset: the first ones */
export function measuredWith({ limit: _limit, ...attack }: AttackConfig, images: number): About {
  return { images, ...attack };
}

/** Share of the first test images that are classified right under each attack, by the metric's name, and of what. */
export async function robustAccuracies(
  victim: Victim,
  attacks: readonly AttackConfig[],
  dataSet: DataSet,
): Promise<{ values: Record<string, number>; about: Record<string, About> }> {
  const values: Record<string, number> = {};
  const about: Record<string, About> = {};
  for (const attack of attacks) {
    const subject = testSubject(dataSet, attack.limit);
    const samples = await naturalSamples(victim, subject);
    await attackSamples(victim, createAttack(attack, victim.classes), attack.seed, subject, samples);
    const metric = robustMetric(attack);
    values[metric] = samples.filter(isRobust).length / samples.length;
    about[metric] = measuredWith(attack, samples.length);
  }
  return { values, about };
}

export function isRobust({ label, perturbedPrediction }: Sample): boolean {
  return perturbedPrediction === label;
}

export function robustMetric({ name }: Pick<AttackConfig, 'name'>): string {
  return `test/robust_accuracy/${name}`;
}
