import type { RunConfig } from '../../protocol/config';
import { Problem } from '../problem';
import { eager, type Compile } from './program';
import { startWasm } from './wasm';

/** What computes, as the `start` event names it. */
export interface Runtime {
  name: 'wasm';
  device: string;
  compile: Compile;
}

/**
 * Makes the runtime that a configuration asks for the active backend. The only place where one is chosen.
 * @param wasmFolder the folder with the .wasm files of the embedded runtime
 * @throws Problem when what was asked for is not there: a run never moves to another device silently.
 */
export async function startRuntime(
  { runtime, device }: Pick<RunConfig, 'runtime' | 'device'>,
  wasmFolder: string,
): Promise<Runtime> {
  if (runtime === 'tensorflow') {
    throw new Problem('The TensorFlow runtime is not installed. Set "runtime" to "auto" to use the embedded one.');
  }
  if (device === 'gpu') {
    throw new Problem('The embedded runtime has no GPU. Set "device" to "auto" or "cpu".');
  }
  await startWasm(wasmFolder);
  return { name: 'wasm', device: 'cpu', compile: eager };
}
