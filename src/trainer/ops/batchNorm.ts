import * as tf from '../tf';
import { columnSums, type SaveTensors } from './reduce';

/** PyTorch's default; it decides what a checkpoint means, so it is not an option. */
const epsilon = 1e-5;

export interface BatchStatistics {
  /** [1, c] */
  mean: tf.Tensor2D;
  /** Biased, as used for normalisation. [1, c] */
  variance: tf.Tensor2D;
  /** Images times positions. */
  count: number;
}

/** Mean and biased variance of each channel over images and positions. @param x [..., c] */
export function batchStatistics(x: tf.Tensor): BatchStatistics {
  const rows = asRows(x);
  const count = rows.shape[0];
  const mean = tf.div<tf.Tensor2D>(columnSums(rows), count);
  const deviations = tf.sub<tf.Tensor2D>(rows, mean);
  const variance = tf.div<tf.Tensor2D>(columnSums(tf.square(deviations)), count);
  return { mean, variance, count };
}

/**
 * Batch normalisation in training mode with its gradient as one operation:
 * dx = γ/σ · (dy − mean(dy) − x̂ · mean(dy·x̂)), dγ = Σ dy·x̂, dβ = Σ dy.
 * @param x [..., c] @param gamma [c] @param beta [c] @param statistics of this very x
 */
export function batchNormTrain<T extends tf.Tensor>(
  x: T,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  { mean, variance, count }: BatchStatistics,
): T {
  const channels = gamma.shape[0];
  const inverse = tf.rsqrt(tf.add(variance, epsilon));
  const operation = tf.customGrad((...args) => {
    // customGrad hands over its inputs, then the function that saves tensors for the gradient; its types say neither.
    const [input, scale, shift, save] = args as unknown as [T, tf.Tensor1D, tf.Tensor1D, SaveTensors];
    const normalized = tf.mul(tf.sub(asRows(input), mean), inverse);
    save([normalized, scale, inverse]);
    const value = tf.reshape(tf.add(tf.mul(normalized, scale), shift), input.shape);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [xHat, g, inverseDeviation] = saved as [tf.Tensor2D, tf.Tensor1D, tf.Tensor2D];
      const d = asRows(dy);
      const dBeta = columnSums(d);
      const dGamma = columnSums(tf.mul(d, xHat));
      const inner = tf.sub(tf.sub(d, tf.div(dBeta, count)), tf.mul(xHat, tf.div(dGamma, count)));
      const dx = tf.reshape(tf.mul(inner, tf.mul(g, inverseDeviation)), dy.shape);
      return [dx, tf.reshape(dGamma, [channels]), tf.reshape(dBeta, [channels])];
    };
    return { value, gradFunc };
  });
  return operation(x, gamma, beta) as T;
}

/** Batch normalisation with fixed statistics. Gradients flow to x, γ and β. @param x [..., c], the rest [c] */
export function batchNormEval<T extends tf.Tensor>(
  x: T,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  mean: tf.Tensor1D,
  variance: tf.Tensor1D,
): T {
  const scale = tf.mul(gamma, tf.rsqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(x, scale), tf.sub(beta, tf.mul(mean, scale))) as unknown as T;
}

function asRows(x: tf.Tensor): tf.Tensor2D {
  const channels = x.shape[x.shape.length - 1] ?? 1;
  return tf.reshape(x, [x.size / channels, channels]);
}
