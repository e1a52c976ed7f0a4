import * as tf from '../../tf';

/** Rows that are added in one pass. Two levels of sums keep float32's rounding error small over many thousand rows. */
const block = 256;

/**
 * Column sums of a matrix, as products with a row of ones: reductions over leading axes are slow on every CPU backend,
 * matrix products are fast.
 * @param x [m, c] @returns [1, c]
 */
export function columnSums(x: tf.Tensor2D): tf.Tensor2D {
  const [m, c] = x.shape;
  const blocks = Math.floor(m / block);
  if (blocks < 2) return tf.matMul(tf.ones([1, m]), x);
  const rest = m - blocks * block;
  const even: tf.Tensor2D = rest === 0 ? x : tf.slice(x, [0, 0], [blocks * block, c]);
  const whole: tf.Tensor2D = tf.reshape(even, [blocks, block * c]);
  // First over the blocks, then within them: both sums have few terms.
  const perPlace: tf.Tensor2D = tf.matMul(tf.ones([1, blocks]), whole);
  const first: tf.Tensor2D = tf.reshape(perPlace, [block, c]);
  const sums: tf.Tensor2D = tf.matMul(tf.ones([1, block]), first);
  if (rest === 0) return sums;
  const remainder: tf.Tensor2D = tf.slice(x, [blocks * block, 0], [rest, c]);
  const ofRemainder: tf.Tensor2D = tf.matMul(tf.ones([1, rest]), remainder);
  return tf.add(sums, ofRemainder);
}
