import { dirname, join, sep } from 'node:path';
import { createRequire } from 'node:module';
import { startWasm } from './runtimes/wasm';

/** The folder with what the package embeds, from a source file. */
export const mediaFolder = join(__dirname, '..', '..', 'media');

/** Starts the embedded runtime for a test: its files lie in the package, not beside the bundle. */
export function useWasm(): Promise<void> {
  const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  return startWasm(dirname(main) + sep);
}
