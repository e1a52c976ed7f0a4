import { dirname, join, sep } from 'node:path';
import { createRequire } from 'node:module';
import type { Optimizer } from './optimizers/optimizer';
import { scalarTensors } from './optimizers/slots';
import { startWasm } from './runtimes/wasm';
import type * as tf from './tf';

/** The folder with what the package embeds, from a source file. */
export const mediaFolder = join(__dirname, '..', '..', 'media');

/** Starts the embedded runtime for a test: its files lie in the package, not beside the bundle. */
export function useWasm(): Promise<void> {
  const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  return startWasm(dirname(main) + sep);
}

/** One update of an optimiser by gradients of known values. */
export function update(optimizer: Optimizer, gradients: Map<string, tf.Tensor>, learningRate: number): void {
  optimizer.update(gradients, scalarTensors(optimizer.scalars(learningRate)));
  optimizer.steps += 1;
}
