import * as tf from '../tf';

/** How a weight lies in a file (PyTorch's layouts) as against in memory (TensorFlow's). */
export type Layout =
  /** [kh, kw, in, out] here, [out, in, kh, kw] in files. */
  | 'convolution'
  /** [in, out] here, [out, in] in files. */
  | 'linear'
  /** The same in both. */
  | 'plain';

export interface Weight {
  /** Its PyTorch `state_dict` name. */
  readonly name: string;
  readonly variable: tf.Variable;
  readonly layout: Layout;
  /** False for running statistics. */
  readonly trainable: boolean;
}

const toFileOrder: Record<Layout, number[] | undefined> = {
  convolution: [3, 2, 0, 1],
  linear: [1, 0],
  plain: undefined,
};

const fromFileOrder: Record<Layout, number[] | undefined> = {
  convolution: [2, 3, 1, 0],
  linear: [1, 0],
  plain: undefined,
};

/** A tensor of this weight's shape (the weight, its gradient, an optimiser's slot) in the file's layout. */
export function toFileLayout(tensor: tf.Tensor, layout: Layout): tf.Tensor {
  const order = toFileOrder[layout];
  return order ? tf.transpose(tensor, order) : tensor;
}

/** The inverse of {@link toFileLayout}. */
export function fromFileLayout(tensor: tf.Tensor, layout: Layout): tf.Tensor {
  const order = fromFileOrder[layout];
  return order ? tf.transpose(tensor, order) : tensor;
}
