import * as tf from '../../tf';

interface FilterGradientAttributes {
  strides: [number, number] | number;
  pad: tf.backend_util.ExplicitPadding | number | 'same' | 'valid';
  filterShape: [number, number, number, number];
}

interface InputGradientAttributes {
  strides: [number, number] | number;
  pad: tf.backend_util.ExplicitPadding | number | 'same' | 'valid';
  inputShape: [number, number, number, number];
}

/**
 * tfjs's wasm backend has no gradient of a convolution with respect to its filter, and only a naive loop for its
 * input. Both are convolutions themselves, and as such run on the backend's fast kernel.
 */
export function registerConvolutionGradients(): void {
  tf.registerKernel({
    kernelName: tf.Conv2DBackpropFilter,
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs }) => {
      // The kernel interface is untyped; these are the shapes that tf.conv2d's gradient hands over.
      const { x, dy } = inputs as unknown as { x: tf.Tensor4D; dy: tf.Tensor4D };
      const { strides, pad, filterShape } = attrs as unknown as FilterGradientAttributes;
      return tf.tidy(() => filterGradient(x, dy, filterShape, strides, pad));
    },
  });
  tf.unregisterKernel(tf.Conv2DBackpropInput, 'wasm');
  tf.registerKernel({
    kernelName: tf.Conv2DBackpropInput,
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs }) => {
      const { dy, filter } = inputs as unknown as { dy: tf.Tensor4D; filter: tf.Tensor4D };
      const { strides, pad, inputShape } = attrs as unknown as InputGradientAttributes;
      return tf.tidy(() => inputGradient(dy, filter, inputShape, strides, pad));
    },
  });
}

/**
 * dW[i,j,c,k] = Σ over images n and positions of x[n, s·p + i − pad, …, c] · dy[n, p, …, k]: a convolution of x with
 * channels and images exchanged, whose filter is dy, dilated by the stride.
 * @param x [n, h, w, c] @param dy [n, oh, ow, k] @returns [kh, kw, c, k]
 */
function filterGradient(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  filterShape: [number, number, number, number],
  strides: [number, number] | number,
  pad: tf.backend_util.ExplicitPadding | number | 'same' | 'valid',
): tf.Tensor4D {
  const info = tf.backend_util.computeConv2DInfo(x.shape, filterShape, strides, 1, pad);
  const { top, left } = info.padInfo;
  const [kh, kw] = filterShape;
  // How much of the padding below and to the right the windows really reach, given the stride.
  const bottom = (info.outHeight - 1) * info.strideHeight + kh - x.shape[1] - top;
  const right = (info.outWidth - 1) * info.strideWidth + kw - x.shape[2] - left;
  const images = tf.slice(
    x,
    [0, 0, 0, 0],
    [x.shape[0], x.shape[1] + Math.min(bottom, 0), x.shape[2] + Math.min(right, 0), x.shape[3]],
  );
  const result = tf.conv2d(
    tf.transpose(images, [3, 1, 2, 0]),
    tf.transpose(dy, [1, 2, 0, 3]),
    1,
    [
      [0, 0],
      [top, Math.max(bottom, 0)],
      [left, Math.max(right, 0)],
      [0, 0],
    ],
    'NHWC',
    [info.strideHeight, info.strideWidth],
  );
  return tf.transpose(result, [1, 2, 0, 3]);
}

/**
 * dx: dy with the stride's gaps filled by zeros, convolved with the filter turned by half a turn and its channels
 * exchanged.
 * @param dy [n, oh, ow, k] @param filter [kh, kw, c, k] @returns [n, h, w, c]
 */
function inputGradient(
  dy: tf.Tensor4D,
  filter: tf.Tensor4D,
  inputShape: [number, number, number, number],
  strides: [number, number] | number,
  pad: tf.backend_util.ExplicitPadding | number | 'same' | 'valid',
): tf.Tensor4D {
  const info = tf.backend_util.computeConv2DInfo(inputShape, filter.shape, strides, 1, pad);
  const [kh, kw] = filter.shape;
  const [, height, width] = inputShape;
  const spread = spreadOut(dy, info.strideHeight, info.strideWidth);
  const top = kh - 1 - info.padInfo.top;
  const left = kw - 1 - info.padInfo.left;
  return tf.conv2d(spread, tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]), 1, [
    [0, 0],
    [top, height + kh - 1 - top - spread.shape[1]],
    [left, width + kw - 1 - left - spread.shape[2]],
    [0, 0],
  ]);
}

/** Puts stride − 1 rows and columns of zeros between those of dy: [n, oh, ow, k] to [n, (oh−1)·s+1, (ow−1)·s+1, k]. */
function spreadOut(dy: tf.Tensor4D, strideHeight: number, strideWidth: number): tf.Tensor4D {
  if (strideHeight === 1 && strideWidth === 1) return dy;
  const [n, oh, ow, k] = dy.shape;
  const gaps = tf.pad(tf.reshape(dy, [n, oh, 1, ow, k]), [
    [0, 0],
    [0, 0],
    [0, strideHeight - 1],
    [0, 0],
    [0, 0],
  ]);
  const rows = tf.reshape(gaps, [n, oh * strideHeight, ow, 1, k]);
  const columns = tf.pad(rows, [
    [0, 0],
    [0, 0],
    [0, 0],
    [0, strideWidth - 1],
    [0, 0],
  ]);
  const full = tf.reshape(columns, [n, oh * strideHeight, ow * strideWidth, k]);
  return tf.slice(full, [0, 0, 0, 0], [n, (oh - 1) * strideHeight + 1, (ow - 1) * strideWidth + 1, k]) as tf.Tensor4D;
}
