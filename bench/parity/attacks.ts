import * as z from 'zod';
import { autoPgd } from '../../src/trainer/attacks/apgd';
import { misclassified, pointsAt } from '../../src/trainer/attacks/attack';
import { ascend } from '../../src/trainer/attacks/pgd';
import { square } from '../../src/trainer/attacks/square';
import { createVictim, type PixelGradient, type Points, type Victim } from '../../src/trainer/attacks/victim';
import { NumpyRandom } from '../../src/trainer/random';
import type { Compile } from '../../src/trainer/runtimes/program';
import { Fixture, largestDifference, readDigits, type Check } from './fixture';
import { loadWeights, parityNetwork } from './network';

/** Limits from the fixtures' own page. */
const tolerances = { pixel: 1e-4, share: 0.01, logits: 1e-4, loss: 1e-3, robust: 1 };

const common = { weights_from: z.string(), n: z.int(), epsilon: z.number() };
const pgdSchema = z.object({ ...common, step_size: z.number(), steps: z.int() });
const apgdSchema = z.object({
  ...common,
  n_iter: z.int(),
  square: z.object({ queries: z.int(), seeds: z.array(z.int()), bound_robust_at_most: z.int() }),
});

/** The first test images, and the network that the fixture attacks. */
function setUp(fixture: Fixture, { weights_from, n }: { weights_from: string; n: number }, compile: Compile) {
  const model = parityNetwork(10);
  loadWeights(model, new Fixture(fixture.root, weights_from), 'final');
  const pixels = readDigits(fixture.root).images.dataSync<'float32'>();
  const points: Points = { images: pixels.slice(1437 * 64, (1437 + n) * 64), labels: fixture.integers('labels') };
  const victim = createVictim(model, { shape: [8, 8, 1], classes: 10 }, compile, () => Promise.resolve());
  return { victim, points };
}

/** Gives out stored numbers of [0, 1) in place of drawn ones. */
class StoredUniform extends NumpyRandom {
  private next = 0;

  constructor(private readonly numbers: ArrayLike<number>) {
    super(0);
  }

  override random(): number {
    const number = this.numbers[this.next];
    if (number === undefined) throw new Error('more random numbers were drawn than are stored');
    this.next += 1;
    return number;
  }
}

/** PGD-20 from the stored start, compared after 1, 5, 10 and 20 steps. */
export async function replayPgd(fixture: Fixture, compile: Compile): Promise<Check[]> {
  const scalars = fixture.scalars(pgdSchema);
  const { epsilon } = scalars;
  const { victim, points } = setUp(fixture, scalars, compile);
  const start = Array.from(fixture.floats('start_noise'), (noise) => (noise / epsilon + 1) / 2);
  const run = (steps: number) =>
    ascend(
      victim,
      points,
      { loss: 'ce', norm: 'linf', epsilon, stepSize: scalars.step_size, steps, randomStart: true },
      new StoredUniform(start),
    );
  const checks: Check[] = [];
  for (const [steps, tensor] of [
    [1, 'x_after_step_1'],
    [5, 'x_after_step_5'],
    [10, 'x_after_step_10'],
    [scalars.steps, 'x_adv'],
  ] as const) {
    checks.push({
      what: `${steps} steps: share of pixels elsewhere`,
      deviation: shareElsewhere(await run(steps), fixture.floats(tensor)),
      tolerance: tolerances.share,
    });
  }
  for (const [name, images] of [
    ['natural', points.images],
    ['adv', await run(scalars.steps)],
  ] as const) {
    const logits = await victim.logits(images);
    checks.push(
      {
        what: `${name}: logits`,
        deviation: largestDifference(logits, fixture.floats(`logits_${name}`)),
        tolerance: tolerances.logits,
      },
      {
        what: `${name}: images judged otherwise`,
        deviation: differing(right(logits, points), fixture.bytes(`correct_${name}`)),
        tolerance: 0,
      },
    );
  }
  return checks;
}

/** Auto-PGD from the stored start with both losses, and Square against its bound. */
export async function replayAutoAttack(fixture: Fixture, compile: Compile): Promise<Check[]> {
  const scalars = fixture.scalars(apgdSchema);
  const { epsilon, n_iter: steps } = scalars;
  const { victim, points } = setUp(fixture, scalars, compile);
  const natural = right(await victim.logits(points.images), points);
  const checks: Check[] = [
    {
      what: 'natural: images judged otherwise',
      deviation: differing(natural, fixture.bytes('correct_natural')),
      tolerance: 0,
    },
  ];
  for (const loss of ['ce', 'dlr'] as const) {
    const watched = watch(victim);
    const options = { loss, norm: 'linf', epsilon, steps, eotSteps: 1 } as const;
    const random = new StoredUniform(fixture.floats(`${loss}/rand`));
    const result = await autoPgd(watched.victim, points, options, random);
    const robust = fixture.bytes(`${loss}/robust`);
    const perIterate = fixture.floats(`${loss}/loss_per_iterate`);
    const n = points.labels.length;
    const losses = watched.gradients.map(({ loss: values }, i) =>
      largestOf(values, perIterate.subarray(i * n, (i + 1) * n), robust),
    );
    const imagesAt = (iterate: number) => watched.images[iterate] ?? new Float32Array();
    checks.push(
      {
        what: `${loss}: robust images judged otherwise`,
        deviation: differing(
          natural.map((flag, i) => (flag === 1 && result.fooled[i] === 0 ? 1 : 0)),
          robust,
        ),
        tolerance: tolerances.robust,
      },
      {
        what: `${loss}: best loss of robust images`,
        deviation: largestOf(result.bestLoss, fixture.floats(`${loss}/loss_best`), robust),
        tolerance: tolerances.loss,
      },
      {
        what: `${loss}: loss of robust images at each iterate`,
        deviation: Math.max(...losses),
        tolerance: tolerances.loss,
      },
      {
        what: `${loss}: start, share of pixels elsewhere`,
        deviation: shareElsewhere(imagesAt(0), fixture.floats(`${loss}/x_start`)),
        tolerance: 0,
      },
      ...[1, 2, 20].map((iterate) => ({
        what: `${loss}: iterate ${iterate}, share of robust images’ pixels elsewhere`,
        // Where the label's logit is the third, DLR is constant, and the signs of its gradient are those of rounding.
        deviation: shareElsewhere(imagesAt(iterate), fixture.floats(`${loss}/x_after_iter_${iterate}`), robust),
        tolerance: tolerances.share,
      })),
    );
  }
  const bound = scalars.square.bound_robust_at_most;
  const left = await Promise.all(
    scalars.square.seeds.slice(0, 2).map((seed) => squareRobust(victim, points, scalars, seed)),
  );
  checks.push({ what: 'square: images left robust', deviation: Math.max(...left), tolerance: bound });
  return checks;
}

async function squareRobust(
  victim: Victim,
  points: Points,
  { epsilon, square: { queries } }: z.output<typeof apgdSchema>,
  seed: number,
): Promise<number> {
  const options = { name: 'square', norm: 'linf', epsilon, seed, queries, initialShare: 0.8, restarts: 1 } as const;
  const [part] = square(options).parts(victim.classes);
  if (!part) throw new Error('unreachable');
  const natural = right(await victim.logits(points.images), points);
  const rows = Array.from(natural.keys()).filter((row) => natural[row] === 1);
  const left = pointsAt(points, rows, 64);
  const perturbed = await part.attack(victim, left, new NumpyRandom(seed));
  return right(await victim.logits(perturbed), left).filter((flag) => flag === 1).length;
}

/** Keeps what a victim was asked and what it answered. */
function watch(victim: Victim) {
  const images: Float32Array[] = [];
  const gradients: PixelGradient[] = [];
  const watched: Victim = {
    ...victim,
    async gradient(loss, points, targets) {
      images.push(points.images.slice());
      const result = await victim.gradient(loss, points, targets);
      gradients.push({ ...result, loss: result.loss.slice() });
      return result;
    },
  };
  return { victim: watched, images, gradients };
}

function right(logits: Float32Array, { labels }: Points): Uint8Array {
  return misclassified(logits, labels).map((flag) => 1 - flag);
}

function differing(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).filter((value, i) => value !== b[i]).length;
}

/** Share of the pixels that differ, of all images or of those whose flag is 1. */
function shareElsewhere(a: Float32Array, b: Float32Array, flags?: Uint8Array): number {
  const counted = Array.from(b.keys()).filter((i) => !flags || flags[Math.floor(i / 64)] === 1);
  const off = counted.filter((i) => !(Math.abs((b[i] ?? 0) - (a[i] ?? NaN)) <= tolerances.pixel));
  return off.length / counted.length;
}

/** Largest difference where a flag is 1. */
function largestOf(a: Float32Array, b: Float32Array, flags: Uint8Array): number {
  const only = (values: Float32Array) => values.filter((_, i) => flags[i] === 1);
  return largestDifference(only(a), only(b));
}
