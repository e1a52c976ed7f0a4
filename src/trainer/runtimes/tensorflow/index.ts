import type { RunConfig } from '../../../protocol/config';
import type { CreateImageSource } from '../../data/imageSource';
import { Problem, messageOf } from '../../problem';
import * as tf from '../../tf';
import type { Compile } from '../program';
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
  device: RunConfig['device'],
): Promise<{ device: string; compile: Compile; images: CreateImageSource }> {
  if (device === 'cpu') process.env['CUDA_VISIBLE_DEVICES'] = '-1';
  // TensorFlow would take all of a GPU's memory, and log its start.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  let backend: TensorFlowBackend;
  try {
    backend = new TensorFlowBackend(loadBinding(folder));
  } catch (error) {
    throw new Problem(`TensorFlow in ${folder} does not load (${messageOf(error)}). Run "sat runtime install" again.`);
  }
  if (device === 'gpu' && !backend.isUsingGpuDevice) {
    throw new Problem('TensorFlow sees no GPU. "sat runtime status" says why; or set "device" to "auto".');
  }
  tf.registerBackend('tensorflow', () => backend);
  registerTensorFlowKernels(backend);
  await tf.setBackend('tensorflow');
  return {
    device: backend.isUsingGpuDevice ? 'GPU:0' : 'CPU:0',
    compile: graphCompiler(backend),
    images: residentImages(backend),
  };
}
