import * as tf from '../tf';
import { logSoftmax } from './crossEntropy';
import type { SaveTensors } from './saveTensors';

/**
 * Kullback-Leibler divergence of each row, KL(softmax p ‖ softmax q) = Σ_j p_j (log p_j − log q_j), as one operation
 * whose gradients are p_j (log p_j − log q_j − KL) for p's logits and q_j − p_j for q's.
 * @param p logits [n, k] @param q logits [n, k] @returns nats [n]
 */
export function klDivergence(p: tf.Tensor2D, q: tf.Tensor2D): tf.Tensor1D {
  const operation = tf.customGrad((...args) => {
    // customGrad hands over its inputs, then the function that saves tensors for the gradient; its types say neither.
    const [first, second, save] = args as unknown as [tf.Tensor2D, tf.Tensor2D, SaveTensors];
    const logP = logSoftmax(first);
    const logQ = logSoftmax(second);
    save([logP, logQ]);
    const value = tf.sum(tf.mul(tf.exp(logP), tf.sub(logP, logQ)), 1);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [a, b] = saved as [tf.Tensor2D, tf.Tensor2D];
      const rows = tf.expandDims(dy, 1);
      const probabilities = tf.exp(a);
      const difference = tf.sub(a, b);
      const divergence = tf.sum(tf.mul(probabilities, difference), 1, true);
      return [
        tf.mul(rows, tf.mul(probabilities, tf.sub(difference, divergence))),
        tf.mul(rows, tf.sub(tf.exp(b), probabilities)),
      ];
    };
    return { value, gradFunc };
  });
  return operation(p, q) as tf.Tensor1D;
}

/**
 * Cross-entropy of each row, −Σ_j t_j log softmax(z)_j, as one operation with its own gradient softmax(z) Σ t − t. No
 * gradient flows into the targets.
 * @param logits [n, k] @param targets [n, k], rows in the probability simplex @returns nats [n]
 */
export function crossEntropies(logits: tf.Tensor2D, targets: tf.Tensor2D): tf.Tensor1D {
  const operation = tf.customGrad((...args) => {
    const [z, save] = args as unknown as [tf.Tensor2D, SaveTensors];
    const logP = logSoftmax(z);
    save([logP, targets]);
    const value = tf.neg(tf.sum(tf.mul(targets, logP), 1));
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [logProbabilities, t] = saved as [tf.Tensor2D, tf.Tensor2D];
      const difference = tf.sub(tf.mul(tf.exp(logProbabilities), tf.sum(t, 1, true)), t);
      return tf.mul(tf.expandDims(dy, 1), difference);
    };
    return { value, gradFunc };
  });
  return operation(logits) as tf.Tensor1D;
}
