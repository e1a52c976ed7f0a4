import type { NumpyRandom } from '../random';
import type { DataSet } from './types';

/** Zero pixels around an image from which the crop is taken, as the authors do for CIFAR (section 1.4). */
const usualPadding = 4;

/** Where images are cut out of their padded selves, and which are mirrored. [n] each */
export interface Crops {
  /** Row and column in {0, …, 2 · padding}. */
  top: Int32Array;
  left: Int32Array;
  /** 1 for a flip. */
  flip: Int32Array;
  /** In pixels. */
  padding: number;
}

/**
 * Draws a random crop with zero padding and a horizontal flip with probability ½ for each image, as torchvision's
 * RandomCrop and RandomHorizontalFlip. Three numbers are drawn an image: row, column, flip.
 * @param padding in pixels, at least 0
 */
export function drawCrops(n: number, random: NumpyRandom, padding = usualPadding): Crops {
  const crops = { top: new Int32Array(n), left: new Int32Array(n), flip: new Int32Array(n), padding };
  for (let i = 0; i < n; i += 1) {
    crops.top[i] = random.randint(2 * padding + 1);
    crops.left[i] = random.randint(2 * padding + 1);
    crops.flip[i] = random.randint(2);
  }
  return crops;
}

/**
 * Crops and flips. The padding is black: normalisation comes after it.
 * @param images bytes [n, h, w, c] @returns a copy of the same shape
 */
export function augmentImages(
  images: Uint8Array,
  [height, width, channels]: DataSet['shape'],
  { padding, ...crops }: Crops,
): Uint8Array {
  const rowSize = width * channels;
  const imageSize = height * rowSize;
  const result = new Uint8Array(images.length);
  for (let i = 0, at = 0; at < images.length; i += 1, at += imageSize) {
    const top = (crops.top[i] ?? 0) - padding;
    const left = (crops.left[i] ?? 0) - padding;
    const flip = crops.flip[i] === 1;
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
