import type * as tf from '../tf';

/** Updates trainable weights in place, and keeps what it needs for that in slots. */
export interface Optimizer {
  /**
   * One update.
   * @param gradients of the loss, without weight decay, by weight name
   * @param learningRate of this step
   */
  step(gradients: ReadonlyMap<string, tf.Tensor>, learningRate: number): void;
  /** Slot names (`momentum`, …) to weight name to variable, for checkpoints. Slots have the weights' shapes. */
  readonly slots: ReadonlyMap<string, ReadonlyMap<string, tf.Variable>>;
  /** Updates done so far: Adam's bias correction needs it. */
  steps: number;
}
