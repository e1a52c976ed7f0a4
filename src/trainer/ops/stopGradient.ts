import * as tf from '../tf';

/** The same values, through which no gradient flows. */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  const operation = tf.customGrad((input) => ({
    value: tf.clone(input as T),
    gradFunc: (dy) => tf.zerosLike(dy as T),
  }));
  return operation(x) as T;
}
