import type { AttackConfig } from '../../protocol/attacks';
import { NumpyRandom } from '../random';
import { ballOf } from './ball';
import { ascend } from './pgd';
import { misclassified } from './attack';
import { sizeOf, type Points, type Victim } from './victim';

/** Rounding that a perturbation's size may show. */
const rounding = 1e-6;

/** Share of the images that may withstand an attack without bounds. */
const tolerated = 0.1;

/**
 * Signs that gradients lead attacks astray (facts 4.4; Croce and Hein's checks.py), looked for on a few images.
 * @returns warnings in words
 */
export async function signsOfMasking(victim: Victim, points: Points): Promise<string[]> {
  const warnings: string[] = [];
  const n = points.labels.length;
  const size = sizeOf(victim.shape);
  const { gradient, logits } = await victim.gradient('ce', points);
  const zero = Array.from({ length: n }, (_, row) => gradient.subarray(row * size, (row + 1) * size)).filter((row) =>
    row.every((value) => value === 0),
  ).length;
  if (zero > 0) {
    warnings.push(
      `${zero} of ${n} images have a gradient of zero: attacks that follow gradients cannot move them. Trust Square, which needs none.`,
    );
  }
  const correct = n - sum(misclassified(logits, points.labels));
  const ascent = { loss: 'ce', norm: 'linf', epsilon: 1, stepSize: 0.1, steps: 20, randomStart: false } as const;
  const moved = await ascend(victim, points, ascent, new NumpyRandom(0));
  const left = n - sum(misclassified(await victim.logits(moved), points.labels));
  if (left > tolerated * correct) {
    warnings.push(
      `${left} of ${correct} images withstand PGD even without a bound (ε = 1), so its gradients are of little use ` +
        '(gradient masking). Take the robust accuracy of Square or AutoAttack.',
    );
  }
  return warnings;
}

/** Share of all images that Square may find in addition (Croce and Hein's checks.py). */
const toleratedSquare = 0.002;

/**
 * Whether Square found much that the attacks before it, which follow gradients, did not. Those that come after it in AA+
 * see only what it has left, and tell nothing.
 * @param fooledBy for each image the attack that succeeded, or nothing @param ran the attacks that ran, in their order
 * @returns a warning in words
 */
export function squareFindsMore(fooledBy: readonly string[], ran: readonly string[]): string | undefined {
  const total = fooledBy.length;
  const bySquare = fooledBy.filter((name) => name === 'square').length;
  if (ran.indexOf('square') < 1 || bySquare <= toleratedSquare * total) return undefined;
  return (
    `Square fooled ${bySquare} of ${total} images that the attacks before it, which follow gradients, did not: a sign ` +
    'of gradient masking. The true robust accuracy may be lower still.'
  );
}

/** @throws Error when perturbed images leave the ball or [0, 1]: an attack would be wrong, and its numbers worthless */
export function assertWithinBounds(
  victim: Victim,
  { norm, epsilon }: Pick<AttackConfig, 'norm' | 'epsilon'>,
  natural: Float32Array,
  perturbed: Float32Array,
): void {
  const size = sizeOf(victim.shape);
  const ball = ballOf(norm, epsilon);
  const moves = perturbed.map((value, i) => value - (natural[i] ?? 0));
  for (let from = 0; from < moves.length; from += size) {
    const distance = ball.norm(moves.subarray(from, from + size));
    if (!(distance <= epsilon + rounding))
      throw new Error(`an attack moved an image by ${distance}, beyond ${epsilon}`);
  }
  if (perturbed.some((value) => !(value >= 0 && value <= 1))) throw new Error('an attack left [0, 1]');
}

function sum(flags: Uint8Array): number {
  return flags.reduce((total, flag) => total + flag, 0);
}
