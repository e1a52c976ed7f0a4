import type { Model } from '../models/model';
import { sign } from '../ops/sign';
import * as tf from '../tf';

export interface SignedSteps {
  /** Radius of the L∞ ball, in pixels of [0, 1]. */
  epsilon: number;
  stepSize: number;
  steps: number;
}

/**
 * Projected gradient ascent on signs, as the inner loop of adversarial training: x ← clamp(x + stepSize · sign ∇ loss),
 * first to the L∞ ball around `natural`, then to [0, 1]. The network is in eval mode: its running statistics rest. Made
 * of operations alone, so that a runtime may record it.
 * @param start not clamped before the first gradient @param lossOf loss of a batch from its eval-mode logits, a sum or mean
 * @returns the last iterate
 */
export function signedSteps(
  model: Model,
  natural: tf.Tensor4D,
  start: tf.Tensor4D,
  lossOf: (logits: tf.Tensor2D) => tf.Scalar,
  { epsilon, stepSize, steps }: SignedSteps,
): tf.Tensor4D {
  const gradient = tf.grad((x) => lossOf(model.forward(x as tf.Tensor4D, 'eval')));
  const [lowest, highest] = [tf.sub(natural, epsilon), tf.add(natural, epsilon)];
  let x = start;
  for (let step = 0; step < steps; step += 1) {
    const moved = tf.add<tf.Tensor4D>(x, tf.mul(sign(gradient(x)), stepSize));
    const inBall: tf.Tensor4D = tf.minimum(tf.maximum(moved, lowest), highest);
    x = tf.clipByValue(inBall, 0, 1);
  }
  return x;
}
