import * as tf from '../tf';

/** What batch normalisation in training mode makes. */
export interface BatchNormOutputs {
  y: tf.Tensor4D;
  /** Running statistics after this batch. [c] */
  mean: tf.Tensor1D;
  variance: tf.Tensor1D;
  /** Whatever the runtime wants to see again in the gradient. */
  saved: [tf.Tensor, tf.Tensor, tf.Tensor];
}

/** Operations that each runtime brings in its own way: fused where it can, else composed of others. */
export interface Kernels {
  /** @param x [n, h, w, c]; the others [c] */
  batchNormTrain(
    x: tf.Tensor4D,
    gamma: tf.Tensor1D,
    beta: tf.Tensor1D,
    mean: tf.Tensor1D,
    variance: tf.Tensor1D,
  ): BatchNormOutputs;
  /** @returns gradients by x, γ and β */
  batchNormTrainGradient(
    dy: tf.Tensor4D,
    x: tf.Tensor4D,
    gamma: tf.Tensor1D,
    saved: BatchNormOutputs['saved'],
  ): [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
  /** @param x [n, h, w, c]; the others [c] */
  batchNormEval(
    x: tf.Tensor4D,
    gamma: tf.Tensor1D,
    beta: tf.Tensor1D,
    mean: tf.Tensor1D,
    variance: tf.Tensor1D,
  ): tf.Tensor4D;
  /** dy where y > 0, else 0. @param y the output of the ReLU */
  reluGradient(dy: tf.Tensor, y: tf.Tensor): tf.Tensor;
  /** b' = momentum · b + g + weightDecay · w; w' = w − learningRate · b'. @returns w' and b' */
  momentumUpdate(
    inputs: { weight: tf.Tensor; buffer: tf.Tensor; gradient: tf.Tensor; learningRate: tf.Tensor },
    options: { momentum: number; weightDecay: number },
  ): [tf.Tensor, tf.Tensor];
}

/** Registers a runtime's kernels under its tfjs name. */
export function registerKernels(backendName: string, kernels: Kernels): void {
  // tfjs's kernel interface is untyped; the functions below are the only ones that call these kernels.
  const register = (
    kernelName: keyof Kernels,
    run: (inputs: never, attributes: never) => tf.TensorInfo | tf.TensorInfo[],
  ) => {
    const kernelFunc: tf.KernelFunc = ({ inputs, attrs }) => run(inputs as never, attrs as never);
    tf.registerKernel({ kernelName, backendName, kernelFunc });
  };
  register('batchNormTrain', ({ x, gamma, beta, mean, variance }: TrainInputs) => {
    const out = kernels.batchNormTrain(x, gamma, beta, mean, variance);
    return [out.y, out.mean, out.variance, ...out.saved];
  });
  register('batchNormTrainGradient', ({ dy, x, gamma, a, b, c }: GradientInputs) =>
    kernels.batchNormTrainGradient(dy, x, gamma, [a, b, c]),
  );
  register('batchNormEval', ({ x, gamma, beta, mean, variance }: TrainInputs) =>
    kernels.batchNormEval(x, gamma, beta, mean, variance),
  );
  register('reluGradient', ({ dy, y }: { dy: tf.Tensor; y: tf.Tensor }) => kernels.reluGradient(dy, y));
  register('momentumUpdate', (...args: Parameters<Kernels['momentumUpdate']>) => kernels.momentumUpdate(...args));
}

interface TrainInputs {
  x: tf.Tensor4D;
  gamma: tf.Tensor1D;
  beta: tf.Tensor1D;
  mean: tf.Tensor1D;
  variance: tf.Tensor1D;
}

interface GradientInputs {
  dy: tf.Tensor4D;
  x: tf.Tensor4D;
  gamma: tf.Tensor1D;
  a: tf.Tensor;
  b: tf.Tensor;
  c: tf.Tensor;
}

/** Whether a runtime's kernels are registered already: tfjs warns of a second time. */
export function hasKernels(backendName: string): boolean {
  return tf.getKernelsForBackend(backendName).some(({ kernelName }) => kernelName === 'batchNormTrain');
}

/** Runs a kernel of the active runtime. @returns all that it makes */
export function runKernel(
  name: keyof Kernels,
  inputs: tf.NamedTensorMap,
  attributes: Record<string, number> = {},
): tf.Tensor[] {
  return [tf.engine().runKernel<tf.Tensor | tf.Tensor[]>(name, inputs, attributes)].flat();
}
