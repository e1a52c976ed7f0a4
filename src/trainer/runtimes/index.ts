import type { RunConfig } from '../../protocol/config';
import { hostImages, type CreateImageSource } from '../data/imageSource';
import { Problem } from '../problem';
import { installedTensorFlow } from './installed';
import { eager, type Compile } from './program';
import { startTensorFlow } from './tensorflow';
import { startWasm } from './wasm';

/** What computes, as the `start` event names it. */
export interface Runtime {
  name: 'wasm' | 'tensorflow';
  device: string;
  compile: Compile;
  /** Where the images of a data set lie. */
  images: CreateImageSource;
}

/** What its numbers may depend on besides the program, for the `start` event. */
export interface Circumstances {
  /** Versions of what computes, by name. */
  versions: Record<string, string>;
  /** How many threads compute one operation. */
  threads: number;
}

/** What is asked of a runtime. */
export interface RuntimeWish extends Pick<RunConfig, 'runtime' | 'device'> {
  /** What else somebody can do where it is not there, to end a sentence with. Default: change the configuration. */
  instead?: string;
  /** How many threads compute one operation. Default: as many as this process may run on. */
  threads?: number | undefined;
}

/**
 * Makes the runtime that a configuration asks for the active backend. The only place where one is chosen.
 * @param wasmFolder the folder with the .wasm files of the embedded runtime
 * @param warn hears why a run goes on with less than is installed
 * @throws Problem when what was asked for is not there: a run never moves to another device silently.
 */
export async function startRuntime(
  wish: RuntimeWish,
  wasmFolder: string,
  warn: (message: string) => void = () => {},
): Promise<Runtime & Circumstances> {
  const { runtime, device } = wish;
  const installed = runtime === 'wasm' ? undefined : installedTensorFlow();
  if (installed !== undefined) {
    try {
      return { name: 'tensorflow', ...(await startTensorFlow(installed, wish)) };
    } catch (error) {
      if (!(error instanceof Problem) || runtime === 'tensorflow' || device === 'gpu') throw error;
      warn(`${error.message} This run uses the embedded runtime.`);
    }
  }
  requireRuntime(wish);
  await startWasm(wasmFolder);
  return { name: 'wasm', device: 'cpu', compile: eager, images: hostImages, versions: {}, threads: 1 };
}

/**
 * Looks whether what a configuration asks for is installed, without starting it.
 * @throws Problem when it is not
 */
export function requireRuntime({ runtime, device, instead }: RuntimeWish): void {
  if (runtime !== 'wasm' && installedTensorFlow() !== undefined) return;
  if (runtime === 'tensorflow') {
    throw new Problem(
      `The TensorFlow runtime is not installed. Run "sat runtime install", or ${instead ?? 'set "runtime" to "auto" to use the embedded one'}.`,
    );
  }
  if (device === 'gpu') {
    throw new Problem(
      runtime === 'wasm'
        ? 'The embedded runtime has no GPU. Set "runtime" to "auto", or "device" to "auto".'
        : 'A GPU needs the TensorFlow runtime, which is not installed. Run "sat runtime install", or set "device" to "auto".',
    );
  }
}
