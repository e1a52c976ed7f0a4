import type * as tf from '../tf';

/** Updates trainable weights in place, and keeps what it needs for that in slots. */
export interface Optimizer {
  /** The numbers that change from update to update, by name; the update gets them as tensors. */
  scalars(learningRate: number): Record<string, number>;
  /**
   * One update.
   * @param gradients of the loss, without weight decay, by weight name
   * @param scalars for this update, each a scalar
   */
  update(gradients: ReadonlyMap<string, tf.Tensor>, scalars: tf.NamedTensorMap): void;
  /** Slot names (`momentum`, …) to weight name to variable, for checkpoints. Slots have the weights' shapes. */
  readonly slots: ReadonlyMap<string, ReadonlyMap<string, tf.Variable>>;
  /** Updates done so far: Adam's bias correction needs it. The caller counts. */
  steps: number;
}
