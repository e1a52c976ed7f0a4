import { turnedPositions, type Transforms } from '../../data/augment';
import type { CreateImageSource, ImageFormat } from '../../data/imageSource';
import * as tf from '../../tf';
import type { TensorFlowBackend } from './backend';
import type { TFEOpAttr } from './binding';

/** Images that lie on the device as bytes: a batch is handed over as its rows, and cut out there. */
export function residentImages(backend: TensorFlowBackend): CreateImageSource {
  const { binding, observed } = backend;
  const type = (name: string, value: number): TFEOpAttr => ({ name, type: binding.TF_ATTR_TYPE, value });

  /** Rows along an axis; with batch 1 each image has indices of its own. */
  const gather = (params: tf.Tensor, indices: tf.Tensor, axis: number, batch: 0 | 1, dtype: number) =>
    backend.executeSingleOutput(
      'GatherV2',
      [
        type('Tparams', dtype),
        type('Tindices', binding.TF_INT32),
        type('Taxis', binding.TF_INT32),
        { name: 'batch_dims', type: binding.TF_ATTR_INT, value: batch },
      ],
      [params, indices, tf.scalar(axis, 'int32')],
    );

  /** Each position from where `turnedPositions` says. @param images [n, h, w, c] */
  const turn = (images: tf.Tensor4D, positions: tf.Tensor) => {
    const [n, height, width, channels] = images.shape;
    const withBlack = tf.pad(tf.reshape(images, [n, height * width, channels]), [
      [0, 0],
      [0, 1],
      [0, 0],
    ]);
    return tf.reshape(gather(withBlack, positions, 1, 1, binding.TF_FLOAT), images.shape);
  };

  return (bytes, { shape, pixelScale }) => {
    const [height, width, channels] = shape;
    const all = [bytes.length / (height * width * channels), ...shape];
    const id = observed.facade.createTensor(all, binding.TF_UINT8, bytes);
    // tfjs knows no bytes: it takes them for integers, which only matters to its own operations.
    const images = tf.tidy(() => tf.variable(backend.tensor({ id, shape: all, dtype: binding.TF_UINT8 }), false));
    return {
      inputs: (rows, transforms) => ({
        rows: tf.tensor1d(rows, 'int32'),
        // An input, since TensorFlow makes a multiplication of a division by a constant, which can leave [0, 1].
        scale: tf.scalar(pixelScale),
        ...(transforms ? transformInputs(transforms, shape) : {}),
      }),
      images: ({ rows, scale, turned, ys, xs, padding }) => {
        if (!rows || !scale) throw new Error('a batch has no rows');
        const picked = gather(images, rows, 0, 0, binding.TF_UINT8);
        const cast = [type('SrcT', binding.TF_UINT8), type('DstT', binding.TF_FLOAT)];
        const upright = tf.div<tf.Tensor4D>(backend.executeSingleOutput('Cast', cast, [picked]), scale);
        if (!ys || !xs || !padding) return upright;
        const pixels = turned ? turn(upright, turned) : upright;
        const pad = [type('T', binding.TF_FLOAT), type('Tpaddings', binding.TF_INT32)];
        const padded = backend.executeSingleOutput('Pad', pad, [pixels, padding]);
        const lines = gather(padded, ys, 1, 1, binding.TF_FLOAT);
        return gather(lines, xs, 2, 1, binding.TF_FLOAT) as tf.Tensor4D;
      },
    };
  };
}

/** Where a turned image comes from, and which rows and columns of the padded one a crop takes, mirrored for a flip. */
function transformInputs(
  { angle, top, left, flip, padding }: Transforms,
  [height, width]: ImageFormat['shape'],
): tf.NamedTensorMap {
  const n = top.length;
  const ys = Int32Array.from({ length: n * height }, (_, i) => (top[Math.floor(i / height)] ?? 0) + (i % height));
  const xs = Int32Array.from({ length: n * width }, (_, i) => {
    const [image, column] = [Math.floor(i / width), i % width];
    return (left[image] ?? 0) + (flip[image] === 1 ? width - 1 - column : column);
  });
  return {
    ...(angle ? { turned: tf.tensor2d(turnedPositions(angle, height, width), [n, height * width], 'int32') } : {}),
    ys: tf.tensor2d(ys, [n, height], 'int32'),
    xs: tf.tensor2d(xs, [n, width], 'int32'),
    padding: tf.tensor2d([0, 0, padding, padding, padding, padding, 0, 0], [4, 2], 'int32'),
  };
}
