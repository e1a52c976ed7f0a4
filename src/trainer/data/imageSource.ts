import * as tf from '../tf';
import { augmentImages, type Transforms } from './augment';
import type { Images } from './streamedImages';
import type { DataSet } from './types';

export type ImageFormat = Pick<DataSet, 'shape' | 'pixelScale'>;

/** Images from which a program takes batches: the runtime decides where they lie. */
export interface ImageSource {
  /** What a program is handed for a batch. The caller disposes of it. */
  inputs: (rows: Int32Array, transforms?: Transforms) => tf.NamedTensorMap;
  /** The batch's images, inside the program. @returns [n, h, w, c], pixels in [0, 1] */
  images: (inputs: tf.NamedTensorMap) => tf.Tensor4D;
}

/** Makes a source of bytes [n, h, w, c]. */
export type CreateImageSource = (bytes: Uint8Array, format: ImageFormat) => ImageSource;

/** The source of images: a runtime's own, or for streamed ones batches made on the host. */
export function imageSource(images: Images, format: ImageFormat, create: CreateImageSource): ImageSource {
  return images instanceof Uint8Array ? create(images, format) : hostImages(images, format);
}

/** Batches made on the host. */
export const hostImages = (all: Images, format: ImageFormat): ImageSource => ({
  inputs: (rows, transforms) => {
    const batch = gatherImages(all, rows, format.shape);
    return { images: imageTensor(transforms ? augmentImages(batch, format.shape, transforms) : batch, format) };
  },
  images: ({ images }) => images as tf.Tensor4D,
});

/** Copies rows out of images. @returns bytes [rows, h, w, c] */
export function gatherImages(images: Images, rows: Int32Array, shape: DataSet['shape']): Uint8Array {
  const size = shape[0] * shape[1] * shape[2];
  const batch = new Uint8Array(rows.length * size);
  rows.forEach((row, i) => {
    if (images instanceof Uint8Array) batch.set(images.subarray(row * size, (row + 1) * size), i * size);
    else images.read(row, batch.subarray(i * size, (i + 1) * size));
  });
  return batch;
}

/** Bytes as pixels in [0, 1]. @param bytes [n, h, w, c] */
function imageTensor(bytes: Uint8Array, { shape, pixelScale }: ImageFormat): tf.Tensor4D {
  const n = bytes.length / (shape[0] * shape[1] * shape[2]);
  const pixels = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) pixels[i] = (bytes[i] ?? 0) / pixelScale;
  return tf.tensor4d(pixels, [n, ...shape]);
}
