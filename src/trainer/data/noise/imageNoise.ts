import { NumpyRandom } from '../../random';
import { inMemory, type Images } from '../streamedImages';
import { shareOf, type Drawn, type NoiseData } from './labelNoise';

/** Images that take the place of others. */
export interface NoisyImages {
  /** Which samples of the training set, in the order in which they were drawn. */
  indices: Int32Array;
  /** Bytes [indices.length, h, w, c]. */
  pixels: Uint8Array;
}

/** Images as bytes in memory, where noise can be put on them. @throws Problem when they are streamed */
export const imagesForNoise = (images: Images): Uint8Array => inMemory(images, 'data.noise: noise on images');

/** A kind of image noise. Labels stay. */
export type ImageNoise = (options: Drawn, data: NoiseData) => NoisyImages;

/**
 * Images of Gaussian noise, N(mean, std²) for each channel, cut to the range of pixels and truncated to whole values
 * (section 1.3, datasets/random_noise.py `image_noise`, draw by draw). Mean and deviation are those of the data set's
 * normalisation, as in the authors' code; where it has none, those of the training images.
 */
export const gaussian: ImageNoise = (options, data) => {
  const { random, indices } = draw(options, data);
  const { shape, pixelScale, train } = data;
  const channels = shape[2];
  const { mean, std } = isIdentity(data.normalization)
    ? channelStatistics(imagesForNoise(train.images), data)
    : data.normalization;
  const pixels = new Uint8Array(indices.length * shape[0] * shape[1] * channels);
  for (let i = 0; i < pixels.length; i += 1) {
    const value = (random.randn() * (std[i % channels] ?? 1) + (mean[i % channels] ?? 0)) * pixelScale;
    pixels[i] = Math.trunc(Math.min(Math.max(value, 0), pixelScale));
  }
  return { indices, pixels };
};

/** The pixels of each drawn image in an order of its own, channels together (the same section and function). */
export const randomPixels: ImageNoise = (options, data) => {
  const { random, indices } = draw(options, data);
  return { indices, pixels: permuted(indices, data, (positions) => random.permutation(positions)) };
};

/** The pixels of all drawn images in one and the same order, channels together (the same section and function). */
export const shuffledPixels: ImageNoise = (options, data) => {
  const { random, indices } = draw(options, data);
  let order: Int32Array | undefined;
  return { indices, pixels: permuted(indices, data, (positions) => (order ??= random.permutation(positions))) };
};

/** Puts noisy images among others. @returns the same with the noisy ones, a copy */
export function withNoisyImages(all: Uint8Array, { indices, pixels }: NoisyImages): Uint8Array {
  const size = pixels.length / indices.length;
  const noisy = all.slice();
  // The outline of a data set has labels, no pixels.
  if (noisy.length === 0) return noisy;
  indices.forEach((index, i) => noisy.set(pixels.subarray(i * size, (i + 1) * size), index * size));
  return noisy;
}

/** Which images are drawn; the generator goes on from there. */
function draw({ rate, seed }: Drawn, { train: { labels } }: NoiseData) {
  const random = new NumpyRandom(seed);
  return { random, indices: random.choice(labels.length, shareOf(rate, labels.length), false) };
}

/** @param orderOf for each image in turn, which position each of its positions takes its pixel from */
function permuted(
  indices: Int32Array,
  { train, shape: [height, width, channels] }: NoiseData,
  orderOf: (positions: number) => Int32Array,
): Uint8Array {
  const images = imagesForNoise(train.images);
  const positions = height * width;
  const size = positions * channels;
  const pixels = new Uint8Array(indices.length * size);
  indices.forEach((index, i) => {
    orderOf(positions).forEach((from, to) => {
      const at = index * size + from * channels;
      pixels.set(images.subarray(at, at + channels), i * size + to * channels);
    });
  });
  return pixels;
}

function isIdentity({ mean, std }: NoiseData['normalization']): boolean {
  return mean.every((m) => m === 0) && std.every((s) => s === 1);
}

/** Mean and standard deviation of each channel, of pixels in [0, 1]. @param images bytes [n, h, w, c] */
function channelStatistics(images: Uint8Array, { shape, pixelScale }: Pick<NoiseData, 'shape' | 'pixelScale'>) {
  const channels = shape[2];
  const count = images.length / channels;
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  images.forEach((byte, i) => {
    const value = byte / pixelScale;
    sums[i % channels] = (sums[i % channels] ?? 0) + value;
    squares[i % channels] = (squares[i % channels] ?? 0) + value * value;
  });
  const mean = Array.from(sums, (sum) => sum / count);
  return { mean, std: mean.map((m, c) => Math.sqrt((squares[c] ?? 0) / count - m * m)) };
}
