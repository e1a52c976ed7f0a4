import { join } from 'node:path';
import * as z from 'zod';
import type { InstalledRuntime } from '../../protocol/installedRuntime';
import type { Tools } from '../launch';
import { runProgram, whatItSaid } from './programs';
import { nvidiaGpus } from './sources';

const smokeOutput = z.union([z.object({ tensorflow: z.string(), gpu: z.boolean() }), z.object({ error: z.string() })]);
export type SmokeOutput = z.output<typeof smokeOutput>;

export type Checked =
  | { ok: true; tensorflow: string; smoke: InstalledRuntime['smoke'] }
  /** `loading`: the binding or a library did not load, rather than failing later. */
  | { ok: false; reason: string; loading: boolean };

/** CUDA may compile its kernels for a new GPU at the first use. */
const deadline = 300_000;

/**
 * Computes something with an installed TensorFlow, in a process of its own.
 * @param cuda whether it was built for CUDA
 */
export async function checkRuntime(
  folder: string,
  cuda: boolean,
  { node, dist }: Pick<Tools, 'node' | 'dist'>,
  signal?: AbortSignal,
): Promise<Checked> {
  const ended = await runProgram(node, [join(dist, 'runtimeSmoke.js'), folder], {
    signal,
    timeout: deadline,
    env: {
      ...process.env,
      ELECTRON_RUN_AS_NODE: '1',
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      // What TensorFlow logs is how it says why it found no GPU.
      TF_CPP_MIN_LOG_LEVEL: '0',
    },
  });
  const output = parse(ended.stdout);
  if (output === undefined) return { ok: false, loading: false, reason: crash(ended.signal, ended.code, ended.stderr) };
  if ('error' in output) return { ok: false, loading: true, reason: output.error };
  const { tensorflow, gpu } = output;
  if (!gpu) return { ok: true, tensorflow, smoke: { device: 'CPU:0', note: await whyNoGpu(cuda, ended.stderr) } };
  const [name] = await nvidiaGpus();
  return { ok: true, tensorflow, smoke: { device: 'GPU:0', ...(name === undefined ? {} : { gpu: name }) } };
}

function parse(stdout: string): SmokeOutput | undefined {
  try {
    // Libraries, too, may write to standard output.
    return smokeOutput.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
  } catch {
    return undefined;
  }
}

function crash(signal: NodeJS.Signals | null, code: number | null, stderr: string): string {
  if (signal === 'SIGILL') return 'this processor lacks instructions that this TensorFlow needs (AVX)';
  if (signal === 'SIGKILL') return 'it was killed: out of memory, or it took more than five minutes';
  return `it ended with ${signal ?? `code ${code}`}: ${whatItSaid(stderr, /error|fatal|check failed/i)}`;
}

/** Why there is no GPU, from what TensorFlow logged. */
async function whyNoGpu(cuda: boolean, log: string): Promise<string> {
  const [gpu] = await nvidiaGpus();
  if (!cuda) {
    const better = gpu === undefined ? '' : `; the ${gpu} needs one that is (sat runtime install --source wheel)`;
    return `this TensorFlow is not built for CUDA${better}`;
  }
  if (process.env['CUDA_VISIBLE_DEVICES'] === '') return 'CUDA_VISIBLE_DEVICES is empty, which hides every GPU';
  if (gpu === undefined) return 'there is no NVIDIA driver (nvidia-smi finds no GPU)';
  const missing = [...log.matchAll(/(?:load dynamic library|dlopen) '?([\w.+-]+\.so[\d.]*)/g)].map(([, name]) => name);
  if (missing.length > 0) return `CUDA libraries are missing: ${[...new Set(missing)].join(', ')}`;
  const failure = /CUDA_ERROR_\w+(?:: [^\n]*)?/.exec(log)?.[0];
  if (failure !== undefined) return `CUDA does not start (${failure.trim()}); the driver may be too old`;
  if (/Cannot dlopen some GPU libraries/.test(log)) return 'some of CUDA’s libraries are missing or do not load';
  return `TensorFlow does not see the ${gpu}; its CUDA libraries or the driver do not fit`;
}
