import type { AttackOptions } from '../../protocol/attacks';
import type { NumpyRandom } from '../random';
import { classOfRank, gradientPasses, misclassified, times, towardsEach, type Plan } from './attack';
import { ballOf, clampPixels } from './ball';
import { stepToHyperplane } from './hyperplane';
import { classesNeeded } from './losses';
import { sizeOf, type Points, type Victim } from './victim';

type Options = Omit<AttackOptions<'fab'>, 'name'>;

/** The nearest decision boundary of each image, linearised: how far z_t − z_y is below zero, and its gradient. */
interface Boundary {
  /** z_t − z_y. [n] */
  difference: Float32Array;
  /** [n · h · w · c] */
  gradient: Float32Array;
}

type FindBoundary = (x: Float32Array) => Promise<Boundary>;

/** Fast adaptive boundary attack (Croce and Hein, ICML 2020) towards whichever class is nearest. */
export function fab(options: AttackOptions<'fab'>): Plan {
  const { name, steps, restarts } = options;
  return {
    classes: classesNeeded.difference,
    parts: (classes) =>
      times(restarts, (restart) => ({
        name,
        passes: steps * ((classes - 1) * gradientPasses + 1),
        attack: (victim, points, random) => {
          const start = restart > 0 ? random : undefined;
          return minimise(victim, points, options, nearestBoundary(victim, points.labels, options), start);
        },
      })),
  };
}

/** The same towards one class at a time, those first that are likeliest on the natural image. */
export function fabT(options: AttackOptions<'fab-t'>): Plan {
  const { name, steps } = options;
  return {
    classes: classesNeeded.difference,
    parts: (classes) =>
      towardsEach(options, classes, (rank, restart) => ({
        name,
        passes: steps * (gradientPasses + 1) + 1,
        attack: async (victim, points, random) => {
          const { labels } = points;
          const targets = classOfRank(await victim.logits(points.images), labels.length, rank);
          const boundaryAt: FindBoundary = (images) => boundaryTo(victim, { images, labels }, targets);
          return minimise(victim, points, options, boundaryAt, restart > 0 ? random : undefined);
        },
      })),
  };
}

async function boundaryTo(victim: Victim, points: Points, targets: Int32Array): Promise<Boundary> {
  const { loss, gradient } = await victim.gradient('difference', points, targets);
  return { difference: loss, gradient };
}

/** Of all other classes the one whose linearised boundary is nearest, in the dual norm. */
function nearestBoundary(victim: Victim, labels: Int32Array, { norm }: Options): FindBoundary {
  const size = sizeOf(victim.shape);
  return async (images) => {
    let nearest: Boundary | undefined;
    const distances = new Float64Array(labels.length).fill(Infinity);
    for (let offset = 1; offset < victim.classes; offset += 1) {
      const targets = labels.map((label) => (label + offset) % victim.classes);
      const boundary = await boundaryTo(victim, { images, labels }, targets);
      nearest ??= { difference: new Float32Array(labels.length), gradient: new Float32Array(images.length) };
      for (let row = 0; row < labels.length; row += 1) {
        const gradient = boundary.gradient.subarray(row * size, (row + 1) * size);
        const distance = Math.abs(boundary.difference[row] ?? 0) / (1e-12 + dualNorm(norm, gradient));
        if (!(distance < (distances[row] ?? 0))) continue;
        distances[row] = distance;
        nearest.difference[row] = boundary.difference[row] ?? 0;
        nearest.gradient.set(gradient, row * size);
      }
    }
    if (!nearest) throw new Error('there is one class only');
    return nearest;
  };
}

function dualNorm(norm: Options['norm'], values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += norm === 'linf' ? Math.abs(value) : value * value;
  return norm === 'linf' ? sum : Math.sqrt(sum);
}

/**
 * Looks for the smallest perturbation that is misclassified: steps onto the linearised boundary, drawn towards the
 * natural image by at most `alphaMax`, overshot by `eta`; once across, back to a share `beta` of the way (the authors'
 * fab_base.py). Ends early when a perturbation within ε was found for all.
 * @param start source of the random start, half of ε away; undefined begins at the image
 * @returns the smallest misclassified perturbation of each image that has one within ε, else the image
 */
async function minimise(
  victim: Victim,
  { images: natural, labels }: Points,
  { norm, epsilon, steps, alphaMax, eta, beta }: Options,
  boundaryAt: FindBoundary,
  start: NumpyRandom | undefined,
): Promise<Float32Array> {
  const ball = ballOf(norm, epsilon);
  const n = labels.length;
  const size = sizeOf(victim.shape);
  const rowOf = (values: Float32Array, row: number) => values.subarray(row * size, (row + 1) * size);
  const x = natural.slice();
  if (start) {
    for (let row = 0; row < n; row += 1) {
      const direction = ball.onSurface(start, size);
      const point = rowOf(x, row);
      for (let i = 0; i < size; i += 1) point[i] = (point[i] ?? 0) + 0.5 * epsilon * (direction[i] ?? 0);
      clampPixels(point);
    }
  }
  const found = natural.slice();
  const smallest = new Float64Array(n).fill(Infinity);
  for (let step = 0; step < steps; step += 1) {
    const { difference, gradient } = await boundaryAt(x);
    for (let row = 0; row < n; row += 1) {
      const [point, center, w] = [rowOf(x, row), rowOf(natural, row), rowOf(gradient, row)];
      let b = -(difference[row] ?? 0);
      for (let i = 0; i < size; i += 1) b += (w[i] ?? 0) * (point[i] ?? 0);
      const fromPoint = stepToHyperplane(norm, point, w, b);
      const fromCenter = stepToHyperplane(norm, center, w, b);
      const [a, c] = [fromPoint, fromCenter].map((move) => Math.max(ball.norm(move), 1e-8));
      const alpha = Math.min((a ?? 0) / ((a ?? 0) + (c ?? 0)), alphaMax);
      for (let i = 0; i < size; i += 1) {
        const ahead = (point[i] ?? 0) + eta * (fromPoint[i] ?? 0);
        const drawn = (center[i] ?? 0) + eta * (fromCenter[i] ?? 0);
        point[i] = ahead * (1 - alpha) + drawn * alpha;
      }
      clampPixels(point);
    }
    misclassified(await victim.logits(x), labels).forEach((wrong, row) => {
      if (wrong === 0) return;
      const [point, center] = [rowOf(x, row), rowOf(natural, row)];
      const distance = ball.norm(point.map((value, i) => value - (center[i] ?? 0)));
      if (distance < (smallest[row] ?? 0)) {
        smallest[row] = distance;
        rowOf(found, row).set(point);
      }
      for (let i = 0; i < size; i += 1) {
        const from = center[i] ?? 0;
        point[i] = from + ((point[i] ?? 0) - from) * beta;
      }
    });
    if (smallest.every((distance) => distance <= epsilon)) break;
  }
  smallest.forEach((distance, row) => {
    if (distance > epsilon) rowOf(found, row).set(rowOf(natural, row));
  });
  return found;
}
