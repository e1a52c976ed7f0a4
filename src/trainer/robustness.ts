import type { AttackConfig } from '../protocol/attacks';
import { attackBatch, hits, type Attacked } from './attacks/attack';
import { createAttack } from './attacks/registry';
import { sizeOf, type Victim } from './attacks/victim';
import type { Split } from './data/types';
import { NumpyRandom } from './random';

/** Images that are attacked together. */
export const attackedTogether = 128;

/** Bytes as pixels in [0, 1]. */
export function pixelsOf(bytes: Uint8Array, pixelScale: number): Float32Array {
  return Float32Array.from(bytes, (byte) => byte / pixelScale);
}

/** What was done to a batch, and by which attacks. */
export interface AttackedRows {
  attacked: Attacked;
  /** The names that `fooledBy` counts. */
  parts: string[];
}

/**
 * Attacks one batch of a set of images. Its random numbers depend on the attack's seed and on where the batch stands
 * alone: a batch can be done again, or on its own.
 * @param attack undefined: the natural images alone @param from row of the first image
 */
export async function attackRows(
  victim: Victim,
  attack: AttackConfig | undefined,
  { images, labels }: Split,
  pixelScale: number,
  from: number,
  to: number,
): Promise<AttackedRows> {
  const size = sizeOf(victim.shape);
  const points = {
    images: pixelsOf(images.subarray(from * size, to * size), pixelScale),
    labels: labels.slice(from, to),
  };
  const parts = attack ? createAttack(attack) : [];
  const random = new NumpyRandom([attack?.seed ?? 0, from]);
  const attacked = await attackBatch(parts, victim, points, random);
  return { attacked, parts: parts.map(({ name }) => name) };
}

/** What a robust accuracy was measured on and with. */
export interface Measured {
  /** Images of the subset: the first ones. */
  images: number;
  epsilon: number;
  norm: string;
}

/** Share of the first test images that are classified right under each attack, by the metric's name, and of what. */
export async function robustAccuracies(
  victim: Victim,
  attacks: readonly AttackConfig[],
  test: Split,
  pixelScale: number,
): Promise<{ values: Record<string, number>; about: Record<string, Measured> }> {
  const values: Record<string, number> = {};
  const about: Record<string, Measured> = {};
  for (const attack of attacks) {
    const n = Math.min(attack.limit ?? test.labels.length, test.labels.length);
    let robust = 0;
    for (let from = 0; from < n; from += attackedTogether) {
      const to = Math.min(from + attackedTogether, n);
      const { attacked } = await attackRows(victim, attack, test, pixelScale, from, to);
      robust += hits(attacked.perturbedPredictions, test.labels.subarray(from, to));
    }
    const metric = robustMetric(attack);
    values[metric] = robust / n;
    about[metric] = { images: n, epsilon: attack.epsilon, norm: attack.norm };
  }
  return { values, about };
}

export function robustMetric({ name }: Pick<AttackConfig, 'name'>): string {
  return `test/robust_accuracy/${name}`;
}
