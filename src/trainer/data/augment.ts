import type { NumpyRandom } from '../random';
import type { DataSet } from './types';

/** Zero pixels around an image from which the crop is taken, as the authors do for CIFAR (section 1.4). */
const usualPadding = 4;

/**
 * Random crop with zero padding, then a horizontal flip with probability ½, each image for itself, as torchvision's
 * RandomCrop and RandomHorizontalFlip. The padding is black: normalisation comes after it. Three numbers are drawn an
 * image: row and column of the crop in {0, …, 2 · padding}, and 1 for a flip.
 * @param images bytes [n, h, w, c] @param padding in pixels, at least 0 @returns a copy of the same shape
 */
export function augmentImages(
  images: Uint8Array,
  [height, width, channels]: DataSet['shape'],
  random: NumpyRandom,
  padding = usualPadding,
): Uint8Array {
  const rowSize = width * channels;
  const imageSize = height * rowSize;
  const result = new Uint8Array(images.length);
  for (let at = 0; at < images.length; at += imageSize) {
    const top = random.randint(2 * padding + 1) - padding;
    const left = random.randint(2 * padding + 1) - padding;
    const flip = random.randint(2) === 1;
    // Columns of the result that come from the image; the others stay black.
    const begin = Math.max(0, -left);
    const end = Math.max(begin, Math.min(width, width - left));
    for (let y = Math.max(0, -top); y < Math.min(height, height - top); y += 1) {
      const from = at + (y + top) * rowSize + left * channels;
      const to = at + y * rowSize;
      const row = images.subarray(from + begin * channels, from + end * channels);
      if (flip) setMirrored(result, row, to + (width - end) * channels, channels);
      else result.set(row, to + begin * channels);
    }
  }
  return result;
}

/** Writes a row of pixels in reverse order, each pixel's channels in their own. */
function setMirrored(target: Uint8Array, row: Uint8Array, at: number, channels: number): void {
  for (let from = row.length - channels, to = at; from >= 0; from -= channels, to += channels) {
    for (let c = 0; c < channels; c += 1) target[to + c] = row[from + c] ?? 0;
  }
}
