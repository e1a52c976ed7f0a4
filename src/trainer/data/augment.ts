import type { NumpyRandom } from '../random';
import type { DataSet } from './types';

/** Zero pixels around an image from which the crop is taken, as the authors do for CIFAR. */
const padding = 4;

/**
 * Random crop with zero padding, then a horizontal flip with probability ½, each image for itself.
 * @param images bytes [n, h, w, c] @returns a copy of the same shape
 */
export function augmentImages(images: Uint8Array, shape: DataSet['shape'], random: NumpyRandom): Uint8Array {
  const [height, width, channels] = shape;
  const size = height * width * channels;
  const result = new Uint8Array(images.length);
  for (let at = 0; at < images.length; at += size) {
    const top = random.randint(2 * padding + 1) - padding;
    const left = random.randint(2 * padding + 1) - padding;
    const flip = random.randint(2) === 1;
    for (let y = Math.max(0, -top); y < Math.min(height, height - top); y += 1) {
      for (let x = Math.max(0, -left); x < Math.min(width, width - left); x += 1) {
        const from = at + ((y + top) * width + x + left) * channels;
        const to = at + (y * width + (flip ? width - 1 - x : x)) * channels;
        for (let c = 0; c < channels; c += 1) result[to + c] = images[from + c] ?? 0;
      }
    }
  }
  return result;
}
