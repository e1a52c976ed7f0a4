import { batchShare, epsilon } from '../../ops/batchNorm';
import { composedMomentumUpdate } from '../../ops/momentumUpdate';
import { registerKernels, type Kernels } from '../../ops/kernels';
import * as tf from '../../tf';
import type { TensorFlowBackend } from './backend';
import type { TFEOpAttr } from './binding';

const backendName = 'tensorflow';

/** What tfjs's kernel interface hands over: its types know neither inputs nor attributes. */
interface KernelArguments<I, A> {
  inputs: I;
  attrs: A;
  backend: TensorFlowBackend;
}

/** Registers a kernel of TensorFlow's operations, in place of tfjs's own. */
function register<I, A>(
  kernelName: string,
  run: (args: KernelArguments<I, A>) => tf.TensorInfo | tf.TensorInfo[],
): void {
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: (args) => run(args as unknown as KernelArguments<I, A>),
  });
}

interface ConvolutionAttributes {
  strides: [number, number] | number;
  pad: tf.backend_util.ExplicitPadding | number | 'same' | 'valid';
}

/** tfjs-node cannot differentiate a convolution with explicit padding; TensorFlow can. */
function registerConvolutions(): void {
  register<{ x: tf.Tensor4D; filter: tf.Tensor4D }, ConvolutionAttributes>(
    tf.Conv2D,
    ({ inputs: { x, filter }, attrs, backend }) =>
      backend.executeSingleOutput('Conv2D', convolution(backend, x.shape, filter.shape, attrs), [x, filter]),
  );
  register<{ dy: tf.Tensor4D; filter: tf.Tensor4D }, ConvolutionAttributes & { inputShape: Shape4D }>(
    tf.Conv2DBackpropInput,
    ({ inputs: { dy, filter }, attrs, backend }) => {
      const { inputShape } = attrs;
      const { top, bottom, left, right, kind } = paddingOf(inputShape, filter.shape, attrs);
      // TensorFlow has no fast kernel for explicit padding here: the gradient of the padded input is cut instead.
      const [n, h, w, c] = inputShape;
      const padded: Shape4D = kind === 'EXPLICIT' ? [n, h + top + bottom, w + left + right, c] : inputShape;
      const pad = kind === 'EXPLICIT' ? 'valid' : attrs.pad;
      const attributes = convolution(backend, padded, filter.shape, { ...attrs, pad });
      return tf.tidy(() => {
        const sizes = tf.tensor1d(padded, 'int32');
        const gradient = backend.executeSingleOutput('Conv2DBackpropInput', attributes, [sizes, filter, dy]);
        return kind === 'EXPLICIT' ? tf.slice(gradient, [0, top, left, 0], inputShape) : gradient;
      });
    },
  );
  register<{ x: tf.Tensor4D; dy: tf.Tensor4D }, ConvolutionAttributes & { filterShape: Shape4D }>(
    tf.Conv2DBackpropFilter,
    ({ inputs: { x, dy }, attrs, backend }) =>
      tf.tidy(() =>
        backend.executeSingleOutput('Conv2DBackpropFilter', convolution(backend, x.shape, attrs.filterShape, attrs), [
          x,
          tf.tensor1d(attrs.filterShape, 'int32'),
          dy,
        ]),
      ),
  );
}

/** tfjs-node reads all indices back to check them, at each call; TensorFlow checks them itself. */
function registerGather(): void {
  register<{ x: tf.Tensor; indices: tf.Tensor }, { axis: number; batchDims: number }>(
    tf.GatherV2,
    ({ inputs: { x, indices }, attrs: { axis, batchDims }, backend }) =>
      tf.tidy(() => {
        const { binding } = backend;
        const type = (name: string, { dtype }: tf.Tensor) => ({
          name,
          type: binding.TF_ATTR_TYPE,
          value: backend.getDTypeInteger(dtype),
        });
        const where = tf.scalar(axis, 'int32');
        const attributes = [
          type('Tparams', x),
          type('Tindices', indices),
          type('Taxis', where),
          { name: 'batch_dims', type: binding.TF_ATTR_INT, value: batchDims },
        ];
        return backend.executeSingleOutput('GatherV2', attributes, [x, indices, where]);
      }),
  );
}

type Shape4D = [number, number, number, number];

/** A convolution's padding, and how TensorFlow calls it: its fast kernels know "same" and "valid". */
function paddingOf(input: Shape4D, filter: Shape4D, { strides, pad }: ConvolutionAttributes) {
  const { padInfo } = tf.backend_util.computeConv2DInfo(input, filter, strides, 1, pad);
  const { top, bottom, left, right } = padInfo;
  const same = tf.backend_util.computeConv2DInfo(input, filter, strides, 1, 'same').padInfo;
  const isSame = top === same.top && bottom === same.bottom && left === same.left && right === same.right;
  const isValid = top + bottom + left + right === 0;
  return { top, bottom, left, right, kind: isValid ? 'VALID' : isSame ? 'SAME' : 'EXPLICIT' };
}

function convolution(
  { binding }: TensorFlowBackend,
  input: Shape4D,
  filter: Shape4D,
  attributes: ConvolutionAttributes,
): TFEOpAttr[] {
  const { strideHeight, strideWidth } = tf.backend_util.computeConv2DInfo(
    input,
    filter,
    attributes.strides,
    1,
    attributes.pad,
  );
  const { top, bottom, left, right, kind } = paddingOf(input, filter, attributes);
  const explicit = kind === 'EXPLICIT' ? [0, 0, top, bottom, left, right, 0, 0] : [];
  return [
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'strides', type: binding.TF_ATTR_INT, value: [1, strideHeight, strideWidth, 1] },
    { name: 'padding', type: binding.TF_ATTR_STRING, value: kind },
    { name: 'explicit_paddings', type: binding.TF_ATTR_INT, value: explicit },
    { name: 'data_format', type: binding.TF_ATTR_STRING, value: 'NHWC' },
  ];
}

/** TensorFlow's fused operations. */
function fusedKernels(backend: TensorFlowBackend): Kernels {
  const { binding } = backend;
  const type = (name: string): TFEOpAttr => ({ name, type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT });
  const batchNorm = (training: boolean): TFEOpAttr[] => [
    type('T'),
    type('U'),
    { name: 'epsilon', type: binding.TF_ATTR_FLOAT, value: epsilon },
    { name: 'data_format', type: binding.TF_ATTR_STRING, value: 'NHWC' },
    { name: 'is_training', type: binding.TF_ATTR_BOOL, value: training },
  ];
  const share: TFEOpAttr = {
    name: 'exponential_avg_factor',
    type: binding.TF_ATTR_FLOAT,
    value: batchShare,
  };
  /** As many ids as tensors. */
  const idsOf = <T extends tf.Tensor[]>(...tensors: T) => backend.ids(tensors) as { [K in keyof T]: number };
  return {
    batchNormTrain: (x, gamma, beta, mean, variance) => {
      const inputs = [x, gamma, beta, mean, variance];
      const outputs = backend.executeMultipleOutputs('FusedBatchNormV3', [...batchNorm(true), share], inputs, 6);
      const [y, newMean, newVariance, ...saved] = outputs as [
        tf.Tensor4D,
        tf.Tensor1D,
        tf.Tensor1D,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      return { y, mean: newMean, variance: newVariance, saved };
    },
    batchNormTrainGradient: (dy, x, gamma, saved) => {
      const inputs = [dy, x, gamma, ...saved];
      const outputs = backend.executeMultipleOutputs('FusedBatchNormGradV3', batchNorm(true), inputs, 5);
      tf.dispose(outputs.slice(3));
      return outputs.slice(0, 3) as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
    },
    batchNormEval: (x, gamma, beta, mean, variance) => {
      const inputs = [x, gamma, beta, mean, variance];
      const [y, ...rest] = backend.executeMultipleOutputs('FusedBatchNormV3', batchNorm(false), inputs, 6);
      tf.dispose(rest);
      return y as tf.Tensor4D;
    },
    reluGradient: (dy, y) => backend.executeSingleOutput('ReluGrad', [type('T')], [dy, y]),
    // One operation in a graph; by itself it exists for variables of TensorFlow's only.
    momentumUpdate: (inputs, options) => {
      const { listener } = backend.observed;
      if (!listener) return composedMomentumUpdate(inputs, options);
      const [weight, buffer, gradient, learningRate] = idsOf(
        inputs.weight,
        inputs.buffer,
        inputs.gradient,
        inputs.learningRate,
      );
      const outputs = backend.unheard(() => composedMomentumUpdate(inputs, options));
      const [newWeight, newBuffer] = idsOf(...outputs);
      listener.updated({ weight, buffer, gradient, learningRate, newWeight, newBuffer, ...options });
      return outputs;
    },
  };
}

/** Registers TensorFlow's operations as kernels of its tfjs backend. */
export function registerTensorFlowKernels(backend: TensorFlowBackend): void {
  registerConvolutions();
  registerGather();
  registerKernels(backendName, fusedKernels(backend));
}
