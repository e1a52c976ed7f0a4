import type { Augmentation } from '../../protocol/data';
import type { NumpyRandom } from '../random';
import type { DataSet } from './types';

/** How images are turned, where they are then cut out of their padded selves, and which are mirrored. [n] each */
export interface Transforms {
  /** In radians, counter-clockwise. Absent where no image is turned. */
  angle?: Float64Array;
  /** Row and column in {0, …, 2 · padding}. */
  top: Int32Array;
  left: Int32Array;
  /** 1 for a flip. */
  flip: Int32Array;
  /** In pixels. */
  padding: number;
}

/**
 * Draws what happens to each image, as torchvision's RandomRotation, RandomCrop and RandomHorizontalFlip do it (facts
 * 1.4 and 1.10). An image takes up to four numbers: row, column, and where asked for flip and angle.
 */
export function drawTransforms(n: number, random: NumpyRandom, { padding, flip, rotation }: Augmentation): Transforms {
  const transforms = { top: new Int32Array(n), left: new Int32Array(n), flip: new Int32Array(n), padding };
  const angle = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    transforms.top[i] = random.randint(2 * padding + 1);
    transforms.left[i] = random.randint(2 * padding + 1);
    if (flip) transforms.flip[i] = random.randint(2);
    if (rotation > 0) angle[i] = ((2 * random.random() - 1) * rotation * Math.PI) / 180;
  }
  return rotation > 0 ? { ...transforms, angle } : transforms;
}

/**
 * Which position of an image each position of the turned one shows: the nearest, as torchvision's default.
 * @param angles in radians, counter-clockwise [n]
 * @returns row · width + column, or height · width for black. [n · height · width]
 */
export function turnedPositions(angles: Float64Array, height: number, width: number): Int32Array {
  const positions = new Int32Array(angles.length * height * width);
  let at = 0;
  for (const angle of angles) {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const [y, x] = [row + 0.5 - height / 2, column + 0.5 - width / 2];
        const fromX = Math.floor(cos * x - sin * y + width / 2);
        const fromY = Math.floor(sin * x + cos * y + height / 2);
        const inside = fromX >= 0 && fromX < width && fromY >= 0 && fromY < height;
        positions[at++] = inside ? fromY * width + fromX : height * width;
      }
    }
  }
  return positions;
}

/**
 * Turns, crops and flips. What comes in from outside is black: normalisation comes after it.
 * @param images bytes [n, h, w, c] @returns a copy of the same shape
 */
export function augmentImages(images: Uint8Array, shape: DataSet['shape'], transforms: Transforms): Uint8Array {
  const { angle } = transforms;
  return cropImages(angle ? turnImages(images, shape, angle) : images, shape, transforms);
}

function turnImages(images: Uint8Array, [height, width, channels]: DataSet['shape'], angles: Float64Array): Uint8Array {
  const size = height * width;
  const result = new Uint8Array(images.length);
  turnedPositions(angles, height, width).forEach((from, to) => {
    if (from === size) return;
    const source = (Math.floor(to / size) * size + from) * channels;
    for (let c = 0; c < channels; c += 1) result[to * channels + c] = images[source + c] ?? 0;
  });
  return result;
}

function cropImages(
  images: Uint8Array,
  [height, width, channels]: DataSet['shape'],
  { padding, ...crops }: Transforms,
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
