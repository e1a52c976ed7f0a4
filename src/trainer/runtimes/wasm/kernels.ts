import { batchShare, epsilon } from '../../ops/batchNorm';
import type { Kernels } from '../../ops/kernels';
import * as tf from '../../tf';
import { composedMomentumUpdate } from '../../ops/momentumUpdate';
import { columnSums } from './columnSums';

/** The operations of the embedded runtime, composed of its fast ones. */
export const wasmKernels: Kernels = {
  batchNormTrain: (x, gamma, beta, mean, variance) => {
    const rows = asRows(x);
    const count = rows.shape[0];
    const batchMean = tf.div<tf.Tensor2D>(columnSums(rows), count);
    const deviations = tf.sub<tf.Tensor2D>(rows, batchMean);
    const batchVariance = tf.div<tf.Tensor2D>(columnSums(tf.square(deviations)), count);
    const inverse = tf.rsqrt(tf.add(batchVariance, epsilon));
    const normalized = tf.mul(deviations, inverse);
    const y: tf.Tensor4D = tf.reshape(tf.add(tf.mul(normalized, gamma), beta), x.shape);
    const track = (running: tf.Tensor1D, batch: tf.Tensor) =>
      tf.add<tf.Tensor1D>(tf.mul(running, 1 - batchShare), tf.mul(tf.reshape(batch, running.shape), batchShare));
    return {
      y,
      mean: track(mean, batchMean),
      variance: track(variance, tf.mul(batchVariance, count / (count - 1))),
      saved: [normalized, inverse, tf.scalar(count)],
    };
  },

  batchNormTrainGradient: (dy, x, gamma, saved) => {
    const [normalized, inverse] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor];
    const d = asRows(dy);
    const count = d.shape[0];
    const dBeta = columnSums(d);
    const dGamma = columnSums(tf.mul(d, normalized));
    const inner = tf.sub(tf.sub(d, tf.div(dBeta, count)), tf.mul(normalized, tf.div(dGamma, count)));
    return [
      tf.reshape(tf.mul(inner, tf.mul(gamma, inverse)), x.shape),
      tf.reshape(dGamma, gamma.shape),
      tf.reshape(dBeta, gamma.shape),
    ];
  },

  batchNormEval: (x, gamma, beta, mean, variance) => {
    const scale = tf.mul(gamma, tf.rsqrt(tf.add(variance, epsilon)));
    return tf.add<tf.Tensor4D>(tf.mul(x, scale), tf.sub(beta, tf.mul(mean, scale)));
  },

  reluGradient: (dy, y) => tf.mul(dy, tf.step(y)),

  momentumUpdate: composedMomentumUpdate,
};

function asRows(x: tf.Tensor4D): tf.Tensor2D {
  const channels = x.shape[3];
  return tf.reshape(x, [x.size / channels, channels]);
}
