import { availableParallelism } from 'node:os';
import { messageOf } from '../../../protocol/errors';
import { Problem } from '../../problem';
import * as tf from '../../tf';
import type { Circumstances, Runtime, RuntimeWish } from '..';
import { TensorFlowBackend } from './backend';
import { loadBinding } from './binding';
import { registerTensorFlowKernels } from './kernels';
import { graphCompiler } from './programs';
import { residentImages } from './residentImages';

/**
 * Starts TensorFlow from an installed runtime.
 * @param folder with tfjs_binding.node and TensorFlow's libraries
 * @throws Problem when it does not load, or has no GPU where one is asked for
 */
export async function startTensorFlow(
  folder: string,
  { device, instead, threads }: Omit<RuntimeWish, 'runtime'>,
): Promise<Omit<Runtime, 'name'> & Circumstances> {
  if (device === 'cpu') process.env['CUDA_VISIBLE_DEVICES'] = '-1';
  // TensorFlow would take all of a GPU's memory, and log its start.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  // Of one operation, and of operations beside each other.
  if (threads !== undefined) {
    process.env[threadsVariable] = String(threads);
    process.env['TF_NUM_INTEROP_THREADS'] = String(threads);
  }
  let backend: TensorFlowBackend;
  try {
    backend = new TensorFlowBackend(loadBinding(folder));
  } catch (error) {
    const otherwise = instead === undefined ? '' : `, or ${instead}`;
    throw new Problem(
      `TensorFlow in ${folder} does not load (${messageOf(error)}). Run "sat runtime install" again${otherwise}.`,
    );
  }
  if (device === 'gpu' && !backend.isUsingGpuDevice) {
    throw new Problem(
      `TensorFlow sees no GPU. "sat runtime status" says why; or ${instead ?? 'set "device" to "auto"'}.`,
    );
  }
  tf.registerBackend('tensorflow', () => backend);
  registerTensorFlowKernels(backend);
  await tf.setBackend('tensorflow');
  return {
    device: backend.isUsingGpuDevice ? 'GPU:0' : 'CPU:0',
    compile: graphCompiler(backend),
    images: residentImages(backend),
    versions: { tensorflow: backend.observed.native.TF_Version },
    threads: threadsTold(),
  };
}

const threadsVariable = 'TF_NUM_INTRAOP_THREADS';

/** TensorFlow takes as many as this process may run on, unless it is told otherwise. */
function threadsTold(): number {
  const told = Number(process.env[threadsVariable]);
  return Number.isInteger(told) && told > 0 ? told : availableParallelism();
}
