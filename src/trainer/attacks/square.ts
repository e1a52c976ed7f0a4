import type { AttackOptions, Norm } from '../../protocol/attacks';
import type { NumpyRandom } from '../random';
import { pointsAt, times, type Attack, type Pause, type Plan } from './attack';
import { ballOf, clampPixels } from './ball';
import { sizeOf, type Points, type Victim } from './victim';

/**
 * Square attack (Andriushchenko et al., ECCV 2020; the authors' square.py): random search over squares on the margin
 * z_y − max z_i, without gradients. Each query changes the same square of all images that still stand.
 */
export function square(options: AttackOptions<'square'>): Plan {
  const { name, queries, restarts } = options;
  const attack: Attack = (victim, points, random, pause) => randomSearch(victim, points, options, random, pause);
  // Its margin is defined for two classes.
  return { classes: 2, parts: () => times(restarts, () => ({ name, passes: queries + 1, attack })) };
}

async function randomSearch(
  victim: Victim,
  points: Points,
  { norm, epsilon, queries, initialShare }: AttackOptions<'square'>,
  random: NumpyRandom,
  pause?: Pause,
): Promise<Float32Array> {
  const size = sizeOf(victim.shape);
  const rows = points.labels.length;
  const proposals = proposalsOf(norm, { shape: victim.shape, epsilon, random, rows });
  const images = points.images.slice();
  for (let from = 0; from < images.length; from += size) proposals.start(images.subarray(from, from + size));
  const { begun } = pause ?? {};
  if (begun) images.set(begun.images);
  const margins = begun ? begun.scores.slice() : marginsOf(await victim.logits(images), points.labels);
  for (let query = 0; query < queries; query += 1) {
    if (begun && query < begun.step) {
      // Its random numbers are drawn, as they were then; what came of them is in the images.
      proposals.next(initialShare * shareAt(query));
      continue;
    }
    const standing = Array.from(margins.keys()).filter((row) => (margins[row] ?? 0) > 0);
    if (standing.length === 0) break;
    const current = pointsAt({ images, labels: points.labels }, standing, size);
    const natural = pointsAt(points, standing, size).images;
    const change = proposals.next(initialShare * shareAt(query));
    standing.forEach((row, i) => {
      const [from, to] = [i * size, (i + 1) * size];
      change(current.images.subarray(from, to), natural.subarray(from, to), row);
    });
    const proposed = marginsOf(await victim.logits(current.images), current.labels);
    standing.forEach((row, i) => {
      const margin = proposed[i] ?? Infinity;
      if (!(margin < (margins[row] ?? 0)) && margin > 0) return;
      margins[row] = margin;
      images.set(current.images.subarray(i * size, (i + 1) * size), row * size);
    });
    pause?.keep({ step: query + 1, images, scores: margins });
  }
  return images;
}

/** The queries after which the share of the image that a square covers is halved again; not scaled to their number. */
const halvings = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];

function shareAt(query: number): number {
  return 0.5 ** halvings.filter((after) => query > after).length;
}

/** z_y − max_{i≠y} z_i of each row. */
function marginsOf(logits: Float32Array, labels: Int32Array): Float32Array {
  const k = logits.length / labels.length;
  return Float32Array.from(labels, (label, i) => {
    let rival = -Infinity;
    for (let j = 0; j < k; j += 1) if (j !== label) rival = Math.max(rival, logits[i * k + j] ?? 0);
    return (logits[i * k + label] ?? 0) - rival;
  });
}

interface Proposals {
  /** Moves an image to where its search begins. In place. */
  start(image: Float32Array): void;
  /**
   * Draws a square, and gives the change that it makes to a perturbed image of a row, in place. All that is random is
   * drawn at once, also for rows that stand no more: a search that goes on in the middle meets the same numbers.
   */
  next(share: number): (image: Float32Array, natural: Float32Array, row: number) => void;
}

interface Space {
  shape: Victim['shape'];
  epsilon: number;
  random: NumpyRandom;
  /** How many images there are. */
  rows: number;
}

function proposalsOf(norm: Norm, space: Space): Proposals {
  return norm === 'linf' ? maximumProposals(space) : euclideanProposals(space);
}

/** Uniform in {0, …, n − 1}; 0 when n is 0. */
function below(random: NumpyRandom, n: number): number {
  return Math.floor(n * random.random());
}

function randomSign(random: NumpyRandom): number {
  return random.random() < 0.5 ? -1 : 1;
}

function randomSigns(random: NumpyRandom, count: number): Float32Array {
  return Float32Array.from({ length: count }, () => randomSign(random));
}

/** Vertical stripes of ±ε at the start, then squares of ±2 ε in each channel, cut to the ball. */
function maximumProposals({ shape: [height, width, channels], epsilon, random }: Space): Proposals {
  const ball = ballOf('linf', epsilon);
  return {
    start(image) {
      const stripes = randomSigns(random, width * channels);
      for (let i = 0; i < image.length; i += 1)
        image[i] = (image[i] ?? 0) + epsilon * (stripes[i % stripes.length] ?? 0);
      clampPixels(image);
    },
    next(share) {
      const side = Math.min(Math.max(Math.round(Math.sqrt(share * height * width)), 1), height, width);
      const [top, left] = [below(random, height - side), below(random, width - side)];
      const direction = randomSigns(random, channels);
      return (image, natural) => {
        for (let row = top; row < top + side; row += 1) {
          for (let i = (row * width + left) * channels; i < (row * width + left + side) * channels; i += 1) {
            image[i] = (image[i] ?? 0) + 2 * epsilon * (direction[i % channels] ?? 0);
          }
        }
        ball.project(image, natural);
      };
    },
  };
}

/**
 * A grid of bumps at the start; then the perturbation of one window moves into another, as a bump of random sign on top
 * of what was there, within the ball.
 */
function euclideanProposals({ shape: [height, width, channels], epsilon, random, rows }: Space): Proposals {
  const ball = ballOf('l2', epsilon);
  const at = (row: number, column: number, channel: number) => (row * width + column) * channels + channel;
  const cells = (side: number) =>
    Array.from({ length: side * side }, (_, i) => [Math.floor(i / side), i % side] as const);
  /** Scales a perturbation to norm ε, and puts it on the image. */
  const place = (image: Float32Array, natural: Float32Array, perturbation: Float32Array) => {
    const scale = epsilon / (ball.norm(perturbation) + 1e-12);
    for (let i = 0; i < image.length; i += 1) image[i] = (natural[i] ?? 0) + scale * (perturbation[i] ?? 0);
    clampPixels(image);
  };
  return {
    start(image) {
      const perturbation = new Float32Array(image.length);
      const side = Math.max(Math.floor(Math.min(height, width) / 5), 1);
      const margin = Math.max(Math.floor((height - side * 5) / 2), 0);
      for (let top = margin; top + side <= height; top += side) {
        for (let left = margin; left + side <= width; left += side) {
          const shape = bump(side, random);
          for (let channel = 0; channel < channels; channel += 1) {
            const sign = randomSign(random);
            cells(side).forEach(([row, column], i) => {
              perturbation[at(top + row, left + column, channel)] = sign * (shape[i] ?? 0);
            });
          }
        }
      }
      place(image, image.slice(), perturbation);
    },
    next(share) {
      const odd = Math.max(Math.round(Math.sqrt(share * height * width)), 3) | 1;
      const side = Math.min(odd, height, width);
      const corner = () => [below(random, height - side), below(random, width - side)] as const;
      const [to, from] = [corner(), corner()];
      const window = cells(side);
      const shape = bump(side, random);
      const signs = randomSigns(random, rows * channels);
      return (image, natural, row) => {
        const perturbation = image.map((value, i) => value - (natural[i] ?? 0));
        const spare = Math.max(epsilon ** 2 - ball.norm(perturbation) ** 2, 0) / channels;
        for (let channel = 0; channel < channels; channel += 1) {
          const indices = (corner: readonly [number, number]) =>
            window.map(([row, column]) => at(corner[0] + row, corner[1] + column, channel));
          const [target, source] = [indices(to), indices(from)];
          const squares = (places: Iterable<number>) => {
            let sum = 0;
            for (const i of places) sum += (perturbation[i] ?? 0) ** 2;
            return sum;
          };
          const budget = Math.sqrt(spare + squares(new Set([...target, ...source])));
          const old = Math.sqrt(squares(target)) + 1e-12;
          const sign = signs[row * channels + channel] ?? 1;
          const mixed = Float32Array.from(target, (i, j) => sign * (shape[j] ?? 0) + (perturbation[i] ?? 0) / old);
          const scale = budget / (ball.norm(mixed) + 1e-12);
          for (const i of source) perturbation[i] = 0;
          target.forEach((i, j) => (perturbation[i] = (mixed[j] ?? 0) * scale));
        }
        place(image, natural, perturbation);
      };
    },
  };
}

/** Two bumps of opposite sign side by side, turned at random, of norm one. [side · side] */
function bump(side: number, random: NumpyRandom): Float32Array {
  const half = Math.floor(side / 2);
  const upper = pyramid(half, side);
  const lower = pyramid(side - half, side);
  const values = Float32Array.from([...upper, ...lower.map((value) => -value)]);
  const norm = ballOf('l2', 1).norm(values);
  const turned = random.random() > 0.5;
  return values.map((_, i) => {
    const j = turned ? (i % side) * side + Math.floor(i / side) : i;
    return (values[j] ?? 0) / norm;
  });
}

/** Nested rectangles around the middle, the m-th adding 1 / m², of norm one. [rows · columns] */
function pyramid(rows: number, columns: number): Float32Array {
  const values = new Float32Array(rows * columns);
  const [middleRow, middleColumn] = [Math.floor(rows / 2), Math.floor(columns / 2)];
  for (let ring = 0; ring <= Math.max(middleRow, middleColumn); ring += 1) {
    for (let row = Math.max(middleRow - ring, 0); row < Math.min(middleRow + ring + 1, rows); row += 1) {
      for (
        let column = Math.max(middleColumn - ring, 0);
        column < Math.min(middleColumn + ring + 1, columns);
        column += 1
      ) {
        const i = row * columns + column;
        values[i] = (values[i] ?? 0) + 1 / (ring + 1) ** 2;
      }
    }
  }
  const norm = ballOf('l2', 1).norm(values);
  return norm === 0 ? values : values.map((value) => value / norm);
}
