import { describe, expect, it } from 'vitest';
import { NumpyRandom } from '../random';
import { augmentImages, drawCrops } from './augment';

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
    const augmented = augmentImages(images, shape, drawCrops(200, new NumpyRandom(1), padding));
    // Compared as bytes: the test's own way through large arrays takes seconds.
    expect(Buffer.compare(augmented, reference(images, shape, new NumpyRandom(1), padding))).toBe(0);
    expect(Buffer.compare(images, before)).toBe(0);
  });

  it('pads 4 pixels unless told otherwise', () => {
    const images = new Uint8Array(64 * 64).fill(9);
    const augment = (...padding: [number?]) =>
      augmentImages(images, [8, 8, 1], drawCrops(64, new NumpyRandom(2), ...padding));
    expect(augment()).toEqual(augment(4));
    expect(augment()).not.toEqual(augment(3));
  });

  it('does a batch of CIFAR’s size in less time than a training step notices', () => {
    const images = new Uint8Array(128 * 32 * 32 * 3).fill(7);
    const random = new NumpyRandom(0);
    const milliseconds = Array.from({ length: 50 }, () => {
      const start = performance.now();
      augmentImages(images, [32, 32, 3], drawCrops(128, random));
      return performance.now() - start;
    });
    // The best of many: a shared machine pauses now and then.
    expect(Math.min(...milliseconds)).toBeLessThan(2);
  });
});
