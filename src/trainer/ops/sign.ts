import * as tf from '../tf';

/**
 * −1, 0 or 1. The wasm kernel of tf.sign takes everything below about 1e-7 for zero, and the gradients that attacks
 * follow are often smaller.
 */
export function sign<T extends tf.Tensor>(x: T): T {
  const is = (relation: tf.Tensor) => tf.cast(relation, 'float32');
  return tf.sub(is(tf.greater(x, 0)), is(tf.less(x, 0))) as unknown as T;
}
