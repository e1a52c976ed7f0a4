import type { Model } from '../models/model';
import type { Weight } from '../models/weights';
import type { StepRandom } from '../runtimes/program';
import type * as tf from '../tf';

/** One mini-batch. */
export interface Batch {
  /** [n, h, w, c], pixels in [0, 1], augmented */
  images: tf.Tensor4D;
  /** One-hot of the given labels. [n, K] */
  targets: tf.Tensor2D;
  /** Rows of the whole training set that these samples are. int32 [n] */
  indices: tf.Tensor1D;
  /** 0-based epoch. */
  readonly epoch: number;
  /** Random numbers of this step. */
  random: StepRandom;
  /** Perturbed versions of the images, where a method has prepared them. [n, h, w, c] */
  adversarial?: tf.Tensor4D;
}

/** The batch with other tensors. Its epoch stays unread, as it is what a runtime must record a step anew for. */
export function withChanges(batch: Batch, changes: Partial<Pick<Batch, 'images' | 'targets' | 'adversarial'>>): Batch {
  const { images, targets, indices, random } = batch;
  return {
    images,
    targets,
    indices,
    random,
    ...changes,
    get epoch() {
      return batch.epoch;
    },
  };
}

export interface BatchResult {
  /** Mean over the batch, to be differentiated. */
  loss: tf.Scalar;
  /** Train-mode logits from which the running accuracy is counted. [n, outputs] */
  logits: tf.Tensor2D;
}

/** A training method: a loss over a batch, and the state that it carries from visit to visit. */
export interface Method {
  /** Makes the batch that the loss sees, such as a perturbed or a mixed one, outside of the gradient. */
  prepare?(model: Model, batch: Batch): Batch;
  loss(model: Model, batch: Batch): BatchResult;
  /** What a checkpoint must hold to go on exactly, by name. */
  readonly state: ReadonlyMap<string, tf.Variable>;
  /** Soft targets [N, K] of the whole training set, where the method has them. */
  readonly softTargets?: tf.Variable;
  /** Weights of its own that are trained with the model's, such as those of a second network. */
  readonly weights?: readonly Weight[];
}

/** What every method is made from. */
export interface MethodContext {
  /** One-hot of the given labels of the whole training set. [N, K] */
  targets: tf.Tensor2D;
  /** Makes one more network like the model, with initial weights of its own. */
  createNetwork?: () => Model;
}
