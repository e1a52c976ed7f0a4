import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { sep } from 'node:path';
import { hasKernels, registerKernels } from '../../ops/kernels';
import * as tf from '../../tf';
import { registerConvolutionGradients } from './convolutions';
import { wasmKernels } from './kernels';

/**
 * Starts the embedded WebAssembly runtime: one thread, SIMD where the processor has it.
 * @param folder where the .wasm files lie
 */
export async function startWasm(folder: string): Promise<void> {
  setWasmPaths(folder.endsWith(sep) ? folder : folder + sep);
  if (!hasKernels('wasm')) {
    registerConvolutionGradients();
    registerKernels('wasm', wasmKernels);
  }
  await tf.setBackend('wasm');
  await tf.ready();
}
