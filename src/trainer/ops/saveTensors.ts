import type * as tf from '../tf';

/** How an operation with a gradient of its own keeps what that gradient needs; tfjs does not export this type. */
export type SaveTensors = (tensors: tf.Tensor[]) => void;
