import * as tf from '../tf';

/** Mean over all positions. @param x [n, h, w, c] @returns [n, c] */
export function globalAveragePool(x: tf.Tensor4D): tf.Tensor2D {
  const [n, h, w, c] = x.shape;
  const operation = tf.customGrad((input) => ({
    value: tf.mean(input as tf.Tensor4D, [1, 2]),
    // A small tensor of ones, which spreads the gradient over the positions.
    gradFunc: (dy) => tf.mul(tf.reshape(tf.div(dy as tf.Tensor2D, h * w), [n, 1, 1, c]), tf.ones([1, h, w, 1])),
  }));
  return operation(x) as tf.Tensor2D;
}
