import * as tf from '../tf';

/** How an operation with a gradient of its own keeps what that gradient needs; tfjs does not export this type. */
type SaveTensors = (tensors: tf.Tensor[]) => void;

/** log softmax over the last axis. @param logits [n, k] */
export function logSoftmax(logits: tf.Tensor2D): tf.Tensor2D {
  const shifted = tf.sub(logits, tf.max(logits, 1, true));
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
}

/** Softmax over the last axis, without a gradient. @param logits [n, k] @returns probabilities [n, k] */
export function probabilities(logits: tf.Tensor2D): tf.Tensor2D {
  const e = tf.exp(tf.sub(logits, tf.max(logits, 1, true)));
  return tf.div(e, tf.sum(e, 1, true));
}

/**
 * Cross-entropy with soft targets, (1/n) Σ_i w_i · (−Σ_j t_ij log p_ij), as one operation with its own gradient
 * w_i/n · (p_ij Σ_j t_ij − t_ij). No gradient flows into targets or weights.
 * @param logits [n, k]
 * @param targets [n, k], rows in the probability simplex
 * @param weights [n], one for each sample; all 1 when left out
 * @returns the loss in nats, a scalar
 */
export function crossEntropy(logits: tf.Tensor2D, targets: tf.Tensor2D, weights?: tf.Tensor1D): tf.Scalar {
  const n = logits.shape[0];
  const perRow = weights ? tf.reshape(weights, [n, 1]) : tf.scalar(1);
  const operation = tf.customGrad((input, save) => {
    // customGrad's types know neither the rank of the input nor that of what was saved.
    const z = input as tf.Tensor2D;
    const logP = logSoftmax(z);
    // Everything that the gradient needs is saved: what only the closure holds is disposed of after the forward pass.
    (save as SaveTensors)([logP, targets, perRow]);
    const value = tf.neg(tf.mean(tf.mul(perRow, tf.sum(tf.mul(targets, logP), 1, true))));
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [logProbabilities, t, w] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor];
      const difference = tf.sub(tf.mul(tf.exp(logProbabilities), tf.sum(t, 1, true)), t);
      return tf.mul(tf.mul(difference, w), tf.div(dy, n));
    };
    return { value, gradFunc };
  });
  return operation(logits) as tf.Scalar;
}

/** Hard labels as rows of the probability simplex. @param labels [n] @returns [n, classes], float32 */
export function oneHot(labels: Int32Array, classes: number): tf.Tensor2D {
  // Cast, since the wasm kernel writes integers whatever type it is asked for.
  return tf.tidy(() =>
    tf.cast<tf.Tensor2D>(tf.oneHot(tf.tensor1d(labels, 'int32'), classes) as tf.Tensor2D, 'float32'),
  );
}
