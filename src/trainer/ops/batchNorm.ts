import * as tf from '../tf';
import { runKernel } from './kernels';

/** PyTorch's default; it decides what a checkpoint means, so it is not an option. */
export const epsilon = 1e-5;

/** Share of a batch in the running statistics, PyTorch's default. */
export const batchShare = 0.1;

/**
 * Batch normalisation in training mode: y = γ (x − μ) / √(σ² + ε) + β with mean μ and biased variance σ² of the batch;
 * dx = γ/σ · (dy − mean(dy) − x̂ · mean(dy·x̂)), dγ = Σ dy·x̂, dβ = Σ dy. Running statistics become
 * 0.9 · running + 0.1 · batch, the variance with the unbiased one of the batch, as in PyTorch.
 * @param x [n, h, w, c] @param gamma [c] @param beta [c] @param running statistics [c]
 */
export function batchNormTrain(
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  running: { mean: tf.Tensor1D; variance: tf.Tensor1D },
): { y: tf.Tensor4D; mean: tf.Tensor1D; variance: tf.Tensor1D } {
  const outputs = runKernel('batchNormTrain', { x, gamma, beta, ...running });
  const [y, mean, variance] = outputs as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
  return { y, mean, variance };
}

/** Batch normalisation with fixed statistics. Gradients flow to x, γ and β. @param x [n, h, w, c], the rest [c] */
export function batchNormEval(
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  mean: tf.Tensor1D,
  variance: tf.Tensor1D,
): tf.Tensor4D {
  return runKernel('batchNormEval', { x, gamma, beta, mean, variance })[0] as tf.Tensor4D;
}

const noGradient = () => {
  throw new Error('running statistics have no gradient');
};

tf.registerGradient({
  kernelName: 'batchNormTrain',
  inputsToSave: ['x', 'gamma'],
  outputsToSave: [false, false, false, true, true, true],
  gradFunc: (dys, saved) => {
    const [dy] = dys as [tf.Tensor4D];
    const [x, gamma, a, b, c] = saved as [tf.Tensor4D, tf.Tensor1D, tf.Tensor, tf.Tensor, tf.Tensor];
    const [dx, dGamma, dBeta] = runKernel('batchNormTrainGradient', { dy, x, gamma, a, b, c });
    // The kernel makes three; tfjs asks for them one by one.
    const of = (gradient: tf.Tensor | undefined) => () => gradient as tf.Tensor;
    return { x: of(dx), gamma: of(dGamma), beta: of(dBeta), mean: noGradient, variance: noGradient };
  },
});

tf.registerGradient({
  kernelName: 'batchNormEval',
  inputsToSave: ['x', 'gamma', 'mean', 'variance'],
  gradFunc: (dy, saved) => {
    const d = dy as tf.Tensor4D;
    const [x, gamma, mean, variance] = saved as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
    const inverse = tf.rsqrt(tf.add(variance, epsilon));
    return {
      x: () => tf.mul(d, tf.mul(gamma, inverse)),
      gamma: () => tf.sum(tf.mul(d, tf.mul(tf.sub(x, mean), inverse)), [0, 1, 2]),
      beta: () => tf.sum(d, [0, 1, 2]),
      mean: noGradient,
      variance: noGradient,
    };
  },
});
