import { crossEntropies } from '../ops/divergence';
import * as tf from '../tf';

/** What an attack raises, each loss a number for each image, from its logits [n, k] and one-hot rows [n, k]. */
export type PixelLoss = (logits: tf.Tensor2D, labels: tf.Tensor2D, targets: tf.Tensor2D) => tf.Tensor1D;

/** Keeps a quotient finite where the logits are equal, as in the authors' code. */
const tiny = 1e-12;

/** The logits that the one-hot rows point at. @returns [n] */
function picked(logits: tf.Tensor2D, rows: tf.Tensor): tf.Tensor1D {
  return tf.sum(tf.mul(logits, rows), 1);
}

/** One-hot rows of the largest, second largest, … logit; no gradient flows through the choice. */
function ranks(logits: tf.Tensor2D, count: number): tf.Tensor2D[] {
  const [n, k] = logits.shape;
  const choice = tf.customGrad((...args) => {
    // customGrad hands over its input, then a function that is not needed here; its types say neither.
    const [input] = args as [tf.Tensor];
    const { indices } = tf.topk(input, count);
    const value = tf.cast(tf.oneHot(tf.cast(indices, 'int32'), k), 'float32');
    return { value, gradFunc: () => tf.zeros([n, k]) };
  });
  const flags = choice(logits);
  return Array.from({ length: count }, (_, rank) => tf.reshape(tf.slice(flags, [0, rank, 0], [n, 1, k]), [n, k]));
}

/**
 * Difference of logits ratio (Croce and Hein, ICML 2020), (max_{i≠y} z_i − z_y) / (z_π1 − z_π3) with π the descending
 * order of the logits. Needs 3 classes.
 */
const differenceOfLogitsRatio: PixelLoss = (logits, labels) => {
  const [first, second, third] = ranks(logits, 3);
  if (!first || !second || !third) throw new Error('unreachable');
  const right = tf.sum(tf.mul(first, labels), 1, true);
  const rival = tf.add(tf.mul(second, right), tf.mul(first, tf.sub(1, right)));
  const scale = tf.add(tf.sub(picked(logits, first), picked(logits, third)), tiny);
  return tf.div(tf.sub<tf.Tensor1D>(picked(logits, rival), picked(logits, labels)), scale);
};

/** Its targeted form, (z_t − z_y) / (z_π1 − ½ (z_π3 + z_π4)). Needs 4 classes. */
const targetedDifferenceOfLogitsRatio: PixelLoss = (logits, labels, targets) => {
  const [first, , third, fourth] = ranks(logits, 4);
  if (!first || !third || !fourth) throw new Error('unreachable');
  const middle = tf.mul(tf.add(picked(logits, third), picked(logits, fourth)), 0.5);
  const scale = tf.add(tf.sub(picked(logits, first), middle), tiny);
  return tf.div(tf.sub<tf.Tensor1D>(picked(logits, targets), picked(logits, labels)), scale);
};

export const pixelLosses = {
  /** Cross-entropy with the label. */
  ce: crossEntropies,
  dlr: differenceOfLogitsRatio,
  'dlr-targeted': targetedDifferenceOfLogitsRatio,
  /** z_t − z_y: how far the target is ahead of the label. */
  difference: (logits, labels, targets) => picked(logits, tf.sub(targets, labels)),
} satisfies Record<string, PixelLoss>;

export type PixelLossName = keyof typeof pixelLosses;

/** Classes that a loss needs to be defined. */
export const classesNeeded: Record<PixelLossName, number> = { ce: 1, dlr: 3, 'dlr-targeted': 4, difference: 2 };
