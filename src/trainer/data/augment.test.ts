import { describe, expect, it } from 'vitest';
import { NumpyRandom } from '../random';
import type { Augmentation } from '../../protocol/data';
import { augmentImages, drawTransforms, type Transforms } from './augment';

const usual: Augmentation = { padding: 4, flip: true, rotation: 0 };

/** What torchvision does: pads with zeros, crops, flips; pixel by pixel, to hold the fast one to. */
function reference(
  images: Uint8Array,
  [height, width, channels]: [number, number, number],
  random: NumpyRandom,
  padding: number,
): Uint8Array {
  const size = height * width * channels;
  const result = new Uint8Array(images.length);
  for (let n = 0; n < images.length / size; n += 1) {
    const [row, column, flip] = [random.randint(2 * padding + 1), random.randint(2 * padding + 1), random.randint(2)];
    for (let i = 0; i < size; i += 1) {
      const c = i % channels;
      const x = Math.floor(i / channels) % width;
      const y = Math.floor(i / channels / width) + row - padding;
      const from = (flip ? width - 1 - x : x) + column - padding;
      const inside = y >= 0 && y < height && from >= 0 && from < width;
      result[n * size + i] = inside ? images[n * size + (y * width + from) * channels + c]! : 0;
    }
  }
  return result;
}

describe('augmentImages', () => {
  it.each<[[number, number, number], number]>([
    [[32, 32, 3], 4],
    [[28, 28, 1], 4],
    [[5, 7, 2], 2],
    // More padding than image: a crop can be all black.
    [[3, 2, 1], 4],
    [[4, 4, 3], 0],
  ])('crops and flips %j with padding %i as torchvision', (shape, padding) => {
    const size = shape[0] * shape[1] * shape[2];
    const images = Uint8Array.from({ length: 200 * size }, (_, i) => 1 + (i % 251));
    const before = images.slice();
    const augmented = augmentImages(images, shape, drawTransforms(200, new NumpyRandom(1), { ...usual, padding }));
    // Compared as bytes: the test's own way through large arrays takes seconds.
    expect(Buffer.compare(augmented, reference(images, shape, new NumpyRandom(1), padding))).toBe(0);
    expect(Buffer.compare(images, before)).toBe(0);
  });

  it('flips only where asked to', () => {
    const { flip, top } = drawTransforms(64, new NumpyRandom(2), { ...usual, flip: false });
    expect(Math.max(...flip)).toBe(0);
    expect(new Set(top)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8]));
  });

  const centred: Transforms = {
    top: Int32Array.of(0),
    left: Int32Array.of(0),
    flip: Int32Array.of(0),
    padding: 0,
  };
  const turned = (shape: [number, number, number], degrees: number, images: Uint8Array) => [
    ...augmentImages(images, shape, { ...centred, angle: Float64Array.of((degrees * Math.PI) / 180) }),
  ];

  it('turns counter-clockwise', () => {
    const image = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
    expect(turned([3, 3, 1], 90, image)).toEqual([3, 6, 9, 2, 5, 8, 1, 4, 7]);
    expect(turned([3, 3, 1], -90, image)).toEqual([7, 4, 1, 8, 5, 2, 9, 6, 3]);
    expect(turned([1, 3, 2], 180, Uint8Array.of(1, 2, 3, 4, 5, 6))).toEqual([5, 6, 3, 4, 1, 2]);
  });

  // Pillow 13: Image.fromarray(numpy.arange(1, 26, dtype='uint8').reshape(5, 5)).rotate(DEGREES)
  it.each([
    [15, [2, 3, 4, 4, 10, 6, 7, 8, 9, 15, 6, 12, 13, 14, 20, 11, 17, 18, 19, 20, 16, 22, 22, 23, 24]],
    [-37.5, [0, 6, 2, 3, 0, 11, 12, 7, 8, 4, 16, 17, 13, 9, 10, 22, 18, 19, 14, 15, 0, 23, 24, 20, 0]],
    [60, [0, 4, 10, 15, 0, 3, 8, 14, 14, 20, 2, 8, 13, 19, 24, 6, 12, 17, 18, 23, 0, 11, 16, 22, 0]],
  ])('turns by %d degrees as Pillow', (degrees, expected) => {
    expect(
      turned(
        [5, 5, 1],
        degrees,
        Uint8Array.from({ length: 25 }, (_, i) => i + 1),
      ),
    ).toEqual(expected);
  });

  it('turns by no more than it is told, either way', () => {
    const { angle = new Float64Array() } = drawTransforms(500, new NumpyRandom(3), { ...usual, rotation: 15 });
    const degrees = [...angle].map((radians) => (radians * 180) / Math.PI);
    expect(Math.min(...degrees)).toBeGreaterThanOrEqual(-15);
    expect(Math.min(...degrees)).toBeLessThan(-14);
    expect(Math.max(...degrees)).toBeLessThanOrEqual(15);
    expect(Math.max(...degrees)).toBeGreaterThan(14);
  });

  it('does a batch of CIFAR’s size in less time than a training step notices', () => {
    const images = new Uint8Array(128 * 32 * 32 * 3).fill(7);
    const random = new NumpyRandom(0);
    let best = Infinity;
    // The best of many: a shared machine is slow now and then, for seconds at a time.
    for (const end = Date.now() + 20_000; best >= 2 && Date.now() < end;) {
      const start = performance.now();
      augmentImages(images, [32, 32, 3], drawTransforms(128, random, usual));
      best = Math.min(best, performance.now() - start);
    }
    expect(best).toBeLessThan(2);
  });
});
