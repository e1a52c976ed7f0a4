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
export function sat(options: MethodOptions<'sat'>, context: MethodContext): Method {
  const { softTargets, state, move } = movingTargets(options, context);
  return {
    softTargets,
    state,
    loss: (model, batch) => {
      const logits = model.forward(batch.images, 'train');
      return { logits, loss: satCrossEntropy(logits, batch, move(logits, batch)) };
    },
  };
}

/** The targets of a batch after they have moved, and the weights of its samples. */
export interface MovedTargets {
  /** [n, K] */
  targets: tf.Tensor2D;
  /** [n], of mean 1 */
  weights: tf.Tensor1D;
}

/** The soft targets of the whole training set, which rest in the first `startEpoch` epochs. */
export function movingTargets(
  { alpha, startEpoch }: Pick<MethodOptions<'sat'>, 'alpha' | 'startEpoch'>,
  { targets }: MethodContext,
) {
  const softTargets = tf.variable(targets, false);
  return {
    softTargets,
    state: new Map([['soft_targets', softTargets]]),
    /** Moves the targets of a batch. @returns undefined while they rest */
    move: (logits: tf.Tensor2D, batch: Batch): MovedTargets | undefined => {
      if (batch.epoch < startEpoch) return undefined;
      const updated = updateTargets(softTargets, logits, batch, alpha);
      return { targets: updated, weights: confidenceWeights(updated) };
    },
  };
}

/** Cross-entropy with the targets that have moved, each sample by its weight; with the given labels before. */
export function satCrossEntropy(logits: tf.Tensor2D, batch: Batch, moved: MovedTargets | undefined): tf.Scalar {
  return moved ? crossEntropy(logits, moved.targets, moved.weights) : crossEntropy(logits, batch.targets);
}

/** Moves the rows of this batch towards the model's predictions, and returns them. @returns [n, K] */
function updateTargets(
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
