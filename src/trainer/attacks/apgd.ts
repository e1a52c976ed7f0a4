import type { AttackOptions, Norm } from '../../protocol/attacks';
import type { NumpyRandom } from '../random';
import { classOfRank, gradientPasses, misclassified, times, towardsEach, type Attack, type Plan } from './attack';
import { ballOf, clampPixels } from './ball';
import { classesNeeded, type PixelLossName } from './losses';
import { sizeOf, type PixelGradient, type Points, type Victim } from './victim';

/** Share of the steps since the last checkpoint that must have raised the loss for the step size to stay. */
const rho = 0.75;

/** Weight of the new direction against the momentum. */
const newShare = 0.75;

interface AutoPgd {
  loss: PixelLossName;
  norm: Norm;
  epsilon: number;
  steps: number;
  eotSteps: number;
}

export interface AutoPgdResult {
  /** The last misclassified iterate of each image that has one, else its start. */
  images: Float32Array;
  /** 1 where there is one. [n] */
  fooled: Uint8Array;
  /** The iterate of the highest loss of each image. */
  best: Float32Array;
  /** Its loss. [n] */
  bestLoss: Float32Array;
}

/**
 * One run of Auto-PGD (Croce and Hein, ICML 2020; facts 4.1, with the details of the authors' autopgd_base.py). The step
 * begins at 2 ε; at checkpoints it is halved, and the run goes back to the best point so far, where at most ρ of the
 * steps raised the loss, or where neither step nor best loss changed since the last checkpoint. Momentum keeps the point
 * before such a return. Ends early when every image is fooled.
 */
export async function autoPgd(
  victim: Victim,
  { images: natural, labels }: Points,
  { loss, norm, epsilon, steps, eotSteps }: AutoPgd,
  random: NumpyRandom,
  targets?: Int32Array,
): Promise<AutoPgdResult> {
  const ball = ballOf(norm, epsilon);
  const n = labels.length;
  const size = sizeOf(victim.shape);
  const rowOf = (values: Float32Array, row: number) => values.subarray(row * size, (row + 1) * size);
  const gradientAt = (images: Float32Array) => averagedGradient(victim, loss, { images, labels }, eotSteps, targets);

  let x = natural.slice();
  for (let row = 0; row < n; row += 1) {
    const point = rowOf(x, row);
    const direction = ball.onSurface(random, size);
    for (let i = 0; i < size; i += 1) point[i] = (point[i] ?? 0) + epsilon * (direction[i] ?? 0);
    clampPixels(point);
  }
  let previous = x.slice();
  let { gradient, loss: current, logits } = await gradientAt(x);
  const fooled = misclassified(logits, labels);
  const adversarial = x.slice();
  const best = x.slice();
  const bestGradient = gradient.slice();
  const bestLoss = current.slice();
  const bestAtCheckpoint = bestLoss.slice();
  const stepSize = new Float32Array(n).fill(2 * epsilon);
  const halvedAtCheckpoint = new Uint8Array(n).fill(1);
  const raised = new Uint8Array(n);
  // At the first step the loss is compared with zero, not with that of the start.
  let before: Float32Array = new Float32Array(n);
  const schedule = checkpoints(steps);

  for (let step = 0; step < steps; step += 1) {
    const share = step === 0 ? 1 : newShare;
    const next = new Float32Array(x.length);
    for (let row = 0; row < n; row += 1) {
      const [from, to, old, center] = [x, next, previous, natural].map((values) => rowOf(values, row));
      if (!from || !to || !old || !center) throw new Error('unreachable');
      const direction = rowOf(gradient, row);
      ball.toDirection(direction);
      for (let i = 0; i < size; i += 1) to[i] = (from[i] ?? 0) + (stepSize[row] ?? 0) * (direction[i] ?? 0);
      ball.project(to, center);
      for (let i = 0; i < size; i += 1) {
        const at = from[i] ?? 0;
        to[i] = at + ((to[i] ?? 0) - at) * share + (at - (old[i] ?? 0)) * (1 - share);
      }
      ball.project(to, center);
    }
    [previous, x] = [x, next];

    ({ gradient, loss: current, logits } = await gradientAt(x));
    misclassified(logits, labels).forEach((wrong, row) => {
      if (wrong === 0) return;
      fooled[row] = 1;
      rowOf(adversarial, row).set(rowOf(x, row));
    });
    for (let row = 0; row < n; row += 1) {
      const value = current[row] ?? 0;
      if (value > (before[row] ?? 0)) raised[row] = (raised[row] ?? 0) + 1;
      if (!(value > (bestLoss[row] ?? 0))) continue;
      bestLoss[row] = value;
      rowOf(best, row).set(rowOf(x, row));
      rowOf(bestGradient, row).set(rowOf(gradient, row));
    }
    before = current;
    if (fooled.every((flag) => flag === 1)) break;

    const interval = schedule.get(step);
    if (interval === undefined) continue;
    for (let row = 0; row < n; row += 1) {
      const oscillates = (raised[row] ?? 0) <= interval * rho;
      const stuck = halvedAtCheckpoint[row] === 0 && (bestAtCheckpoint[row] ?? 0) >= (bestLoss[row] ?? 0);
      halvedAtCheckpoint[row] = oscillates || stuck ? 1 : 0;
      bestAtCheckpoint[row] = bestLoss[row] ?? 0;
      raised[row] = 0;
      if (!oscillates && !stuck) continue;
      stepSize[row] = (stepSize[row] ?? 0) / 2;
      rowOf(x, row).set(rowOf(best, row));
      rowOf(gradient, row).set(rowOf(bestGradient, row));
    }
  }
  return { images: adversarial, fooled, best, bestLoss };
}

/** The steps (0-based) after which a checkpoint comes, and how many steps each looks back on. */
function checkpoints(steps: number): Map<number, number> {
  const share = (fraction: number) => Math.max(Math.trunc(fraction * steps), 1);
  const schedule = new Map<number, number>();
  let interval = share(0.22);
  for (let step = interval - 1; step < steps; step += interval) {
    schedule.set(step, interval);
    interval = Math.max(interval - share(0.03), share(0.06));
  }
  return schedule;
}

/** Losses and logits are those of the last pass. */
async function averagedGradient(
  victim: Victim,
  loss: PixelLossName,
  points: Points,
  passes: number,
  targets: Int32Array | undefined,
): Promise<PixelGradient> {
  const result = await victim.gradient(loss, points, targets);
  if (passes === 1) return result;
  const sum = Float64Array.from(result.gradient);
  let last = result;
  for (let pass = 1; pass < passes; pass += 1) {
    last = await victim.gradient(loss, points, targets);
    last.gradient.forEach((value, i) => (sum[i] = (sum[i] ?? 0) + value));
  }
  return { ...last, gradient: Float32Array.from(sum, (value) => value / passes) };
}

export function apgdCe(options: AttackOptions<'apgd-ce'>): Plan {
  return untargeted('ce', options);
}

export function apgdDlr(options: AttackOptions<'apgd-dlr'>): Plan {
  return untargeted('dlr', options);
}

function untargeted(loss: PixelLossName, options: AttackOptions<'apgd-ce' | 'apgd-dlr'>): Plan {
  const { name, steps, restarts, eotSteps } = options;
  const attack: Attack = async (victim, points, random) =>
    (await autoPgd(victim, points, { ...options, loss }, random)).images;
  const passes = (steps + 1) * eotSteps * gradientPasses;
  return { classes: classesNeeded[loss], parts: () => times(restarts, () => ({ name, passes, attack })) };
}

/** Auto-PGD on the targeted DLR loss, for the classes that are likeliest on the natural image, one after the other. */
export function apgdT(options: AttackOptions<'apgd-t'>): Plan {
  const { name, steps } = options;
  const settings = { ...options, loss: 'dlr-targeted', eotSteps: 1 } as const;
  return {
    classes: classesNeeded['dlr-targeted'],
    parts: (classes) =>
      towardsEach(options, classes, (rank) => ({
        name,
        passes: (steps + 1) * gradientPasses + 1,
        attack: async (victim, points, random) => {
          const targets = classOfRank(await victim.logits(points.images), points.labels.length, rank);
          return (await autoPgd(victim, points, settings, random, targets)).images;
        },
      })),
  };
}
