import type { AttackOptions, Norm } from '../../protocol/attacks';
import type { NumpyRandom } from '../random';
import { gradientPasses, times, type Attack, type Part, type Plan } from './attack';
import { ballOf } from './ball';
import { classesNeeded, type PixelLossName } from './losses';
import { sizeOf, type Points, type Victim } from './victim';

interface Ascent {
  loss: PixelLossName;
  norm: Norm;
  epsilon: number;
  stepSize: number;
  steps: number;
  randomStart: boolean;
}

/**
 * Projected gradient ascent of constant step size (Madry et al., ICLR 2018; facts 1.8): the random start is not clamped
 * to [0, 1] before the first gradient, each iterate is projected to the ball, then clamped.
 * @returns the last iterate
 */
export async function ascend(
  victim: Victim,
  { images, labels }: Points,
  { loss, norm, epsilon, stepSize, steps, randomStart }: Ascent,
  random: NumpyRandom,
  targets?: Int32Array,
): Promise<Float32Array> {
  const ball = ballOf(norm, epsilon);
  const size = sizeOf(victim.shape);
  const x = images.slice();
  if (randomStart) {
    for (let from = 0; from < x.length; from += size) {
      const noise = ball.inside(random, size);
      for (let i = 0; i < size; i += 1) x[from + i] = (x[from + i] ?? 0) + epsilon * (noise[i] ?? 0);
    }
  }
  for (let step = 0; step < steps; step += 1) {
    const { gradient } = await victim.gradient(loss, { images: x, labels }, targets);
    for (let from = 0; from < x.length; from += size) {
      const direction = gradient.subarray(from, from + size);
      ball.toDirection(direction);
      for (let i = 0; i < size; i += 1) x[from + i] = (x[from + i] ?? 0) + stepSize * (direction[i] ?? 0);
      ball.project(x.subarray(from, from + size), images.subarray(from, from + size));
    }
  }
  return x;
}

/** PGD on the cross-entropy. */
export function pgd({ name, restarts, ...options }: AttackOptions<'pgd'>): Plan {
  return repeatedly({ name, ...options }, restarts);
}

/** PGD-20 as the authors' pgd_attack.py. */
export function pgd20({ name, restarts, ...options }: AttackOptions<'pgd20'>): Plan {
  return repeatedly({ name, ...options, randomStart: true }, restarts);
}

function repeatedly({ name, ...options }: Omit<Ascent, 'loss'> & Pick<Part, 'name'>, restarts: number): Plan {
  const ascent = { ...options, loss: 'ce' } as const;
  const attack: Attack = (victim, points, random) => ascend(victim, points, ascent, random);
  return {
    classes: classesNeeded.ce,
    parts: () => times(restarts, () => ({ name, passes: options.steps * gradientPasses, attack })),
  };
}
