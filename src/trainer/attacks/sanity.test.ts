import { beforeAll, describe, expect, it } from 'vitest';
import { attackSchema } from '../../protocol/attacks';
import type { Model } from '../models/model';
import { NumpyRandom } from '../random';
import { attackSamples, isRobust, naturalSamples } from '../robustness';
import { eager } from '../runtimes/program';
import { useWasm } from '../testing';
import * as tf from '../tf';
import { predictionsOf, type Part } from './attack';
import { createAttack } from './registry';
import { assertWithinBounds, signsOfMasking, squareFindsMore } from './sanity';
import { createVictim, type Points, type Victim } from './victim';

beforeAll(useWasm);

const [side, classes, n] = [6, 4, 20];
const size = side * side;
const weights = (() => {
  const random = new NumpyRandom(3);
  return Float32Array.from({ length: size * classes }, () => random.randn());
})();

/** A linear network behind a change of the images. */
function victimBehind(change: (images: tf.Tensor) => tf.Tensor): Victim {
  const model: Model = {
    weights: [],
    forward: (images) => tf.matMul(tf.reshape(change(images), [-1, size]), tf.tensor2d(weights, [size, classes])),
  };
  return createVictim(model, { shape: [side, side, 1], classes }, eager, () => Promise.resolve());
}
const plain = victimBehind((images) => images);
/** Rounds to five shades: its gradient is zero everywhere. */
const quantising = victimBehind((images) => tf.div(tf.round(tf.mul(images, 4)), 4));

/** Images near grey, with the labels that a network gives them. */
async function points(victim: Victim): Promise<Points> {
  const random = new NumpyRandom(5);
  const images = Float32Array.from({ length: n * size }, () => 0.25 * Math.floor(1 + 3 * random.random()));
  return { images, labels: predictionsOf(await victim.logits(images), n) };
}

/** Which attack fooled each image. */
async function fooledBy(victim: Victim, parts: readonly Part[]): Promise<string[]> {
  const { images, labels } = await points(victim);
  const pixels = (rows: readonly number[]) =>
    Float32Array.from(rows.flatMap((row) => [...images.subarray(row * size, (row + 1) * size)]));
  const subject = { labels, pixels };
  const samples = await naturalSamples(victim, subject);
  await attackSamples(victim, parts, 0, subject, samples);
  expect(samples.map((sample) => isRobust(sample))).toEqual(samples.map((sample) => sample.fooledBy === ''));
  return samples.map((sample) => sample.fooledBy);
}

describe('signs of gradient masking', () => {
  it('are not seen in a network that has none', async () => {
    expect(await signsOfMasking(plain, await points(plain))).toEqual([]);
  });

  it('are gradients of zero, and images that withstand PGD without bounds', async () => {
    expect(await signsOfMasking(quantising, await points(quantising))).toEqual([
      expect.stringMatching(/^20 of 20 images have a gradient of zero/),
      expect.stringMatching(/^20 of 20 images withstand PGD even without a bound/),
    ]);
  });

  it('are counted among the images that are classified right', async () => {
    const { images, labels } = await points(quantising);
    const wrong = labels.map((label, i) => (i < 15 ? (label + 1) % classes : label));
    expect((await signsOfMasking(quantising, { images, labels: wrong }))[1]).toMatch(/^5 of 5 images withstand/);
  });
});

describe('Square after attacks that follow gradients', () => {
  // Large enough for every pixel to change its shade.
  const epsilon = 0.13;
  const parts = [
    { name: 'pgd', epsilon, randomStart: false },
    { name: 'square', epsilon, queries: 300 },
  ].flatMap((options) => createAttack(attackSchema.parse(options), classes));
  const ran = parts.map(({ name }) => name);

  it('is a sign when gradients are masked so well that these fool nothing', async () => {
    const found = await fooledBy(quantising, parts);
    expect(found.filter((name) => name === 'pgd')).toEqual([]);
    expect(found.filter((name) => name === 'square').length).toBeGreaterThan(5);
    expect(squareFindsMore(found, ran)).toMatch(/^Square fooled \d+ of 20 images that the attacks before it/);
  });

  it('is none where they fool what can be fooled', async () => {
    const found = await fooledBy(plain, parts);
    expect(found.filter((name) => name === 'pgd').length).toBeGreaterThan(5);
    expect(squareFindsMore(found, ran)).toBeUndefined();
  });

  it('is compared with what ran before it, by more than 0.2 % of all images', () => {
    const found = (count: number) => Array.from({ length: 1000 }, (_, i) => (i < count ? 'square' : ''));
    expect(squareFindsMore(found(3), ['apgd-ce', 'square', 'apgd-t'])).toBeDefined();
    expect(squareFindsMore(found(2), ['apgd-ce', 'square'])).toBeUndefined();
    expect(squareFindsMore(found(900), ['square'])).toBeUndefined();
    expect(squareFindsMore(found(900), ['square', 'apgd-t'])).toBeUndefined();
    expect(squareFindsMore(found(0), ['apgd-ce'])).toBeUndefined();
  });
});

describe('an attack that leaves its bounds', () => {
  const natural = new Float32Array(2 * size).fill(0.9);
  const moved = (by: number) => natural.map((value, i) => (i === size ? value + by : value));
  const check = (norm: 'linf' | 'l2', perturbed: Float32Array) => () => {
    assertWithinBounds(plain, { norm, epsilon: 0.05 }, natural, perturbed);
  };

  it('is an error: of the ball, of [0, 1], or of the numbers', () => {
    for (const norm of ['linf', 'l2'] as const) {
      expect(check(norm, moved(0.05))).not.toThrow();
      expect(check(norm, moved(-0.051))).toThrow(/moved an image by 0\.05[01]/);
      expect(check(norm, moved(NaN))).toThrow(/beyond 0\.05/);
    }
    // Each pixel within ε, all together not.
    const everywhere = natural.map((value) => value - 0.04);
    expect(check('linf', everywhere)).not.toThrow();
    expect(check('l2', everywhere)).toThrow(/moved an image by 0\.24/);
    const bright = natural.map(() => 0.99);
    expect(() => {
      assertWithinBounds(
        plain,
        { norm: 'linf', epsilon: 0.05 },
        bright,
        bright.map(() => 1.02),
      );
    }).toThrow(/left \[0, 1\]/);
  });
});
