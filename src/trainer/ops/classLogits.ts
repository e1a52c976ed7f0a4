import * as tf from '../tf';

/** The outputs of the classes, without one for abstention. @param logits [n, outputs] @returns [n, classes] */
export function classLogits(logits: tf.Tensor2D, classes: number): tf.Tensor2D {
  return logits.shape[1] === classes ? logits : tf.slice(logits, [0, 0], [-1, classes]);
}
