import type { MethodOptions } from '../../protocol/methods';
import { crossEntropy, probabilities } from '../ops/crossEntropy';
import * as tf from '../tf';
import type { Batch, Method, MethodContext } from './method';

/**
 * Self-adaptive training (Huang, Zhang and Zhang, NeurIPS 2020, algorithm 1; the authors' losses/loss.py).
 * In the first `startEpoch` epochs: plain cross-entropy, and the targets rest. From then on, for each sample of a batch,
 * t ← α t + (1 − α) p with p the softmax of the train-mode logits that are differentiated; weights w = max_j t_j,
 * rescaled to mean 1 within the batch; loss (1/n) Σ w (−Σ_j t_j log p_j) with the updated t.
 */
export function sat({ alpha, startEpoch }: MethodOptions<'sat'>, { targets }: MethodContext): Method {
  const softTargets = tf.variable(targets, false);
  return {
    softTargets,
    state: new Map([['soft_targets', softTargets]]),
    loss: (model, batch) => {
      const logits = model.forward(batch.images, 'train');
      if (batch.epoch < startEpoch) return { logits, loss: crossEntropy(logits, batch.targets) };
      const updated = updateTargets(softTargets, logits, batch, alpha);
      return { logits, loss: crossEntropy(logits, updated, confidenceWeights(updated)) };
    },
  };
}

/** Moves the rows of this batch towards the model's predictions, and returns them. @returns [n, K] */
export function updateTargets(
  softTargets: tf.Variable,
  logits: tf.Tensor2D,
  { indices }: Pick<Batch, 'indices'>,
  alpha: number,
): tf.Tensor2D {
  const old = tf.gather(softTargets, indices);
  const updated = tf.add<tf.Tensor2D>(tf.mul(old, alpha), tf.mul(probabilities(logits), 1 - alpha));
  scatterRows(softTargets, indices, updated);
  return updated;
}

/** Puts rows into a matrix. @param rows [n, K] @param indices where. int32 [n] */
export function scatterRows(matrix: tf.Variable, indices: tf.Tensor1D, rows: tf.Tensor): void {
  matrix.assign(tf.tensorScatterUpdate(matrix, tf.expandDims(indices, 1), rows));
}

/** w_i = max_j t_ij, rescaled to mean 1 within the batch. @param targets [n, K] @returns [n] */
export function confidenceWeights(targets: tf.Tensor2D): tf.Tensor1D {
  const confidence = tf.max(targets, 1);
  return tf.div(confidence, tf.mean(confidence));
}
