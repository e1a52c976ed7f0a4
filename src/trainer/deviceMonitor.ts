import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What a GPU is doing, for as long as a run lasts. */
export interface DeviceMonitor {
  /** The newest values as metrics: `device/utilization` in [0, 1], `device/memory_bytes`. None before the first. */
  latest(): Record<string, number>;
  stop(): void;
}

/** Seconds between two looks. */
const interval = 5;

const nothing: DeviceMonitor = { latest: () => ({}), stop: () => {} };

/**
 * Watches the GPU that a runtime uses through nvidia-smi, where that exists; on a CPU there is nothing to watch.
 * @param device as in the `start` event, such as "GPU:0", counted among the devices that CUDA_VISIBLE_DEVICES leaves
 */
export function watchDevice(device: string, env: NodeJS.ProcessEnv = process.env): DeviceMonitor {
  const number = /^GPU:(\d+)$/.exec(device)?.[1];
  if (number === undefined) return nothing;
  const visible = env['CUDA_VISIBLE_DEVICES']?.split(',');
  const id = visible?.[Number(number)]?.trim() ?? number;
  let values: Record<string, number> = {};
  const child = spawn(
    'nvidia-smi',
    ['--query-gpu=utilization.gpu,memory.used', '--format=csv,noheader,nounits', `--id=${id}`, `--loop=${interval}`],
    { env, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  // Without nvidia-smi a run goes on without these metrics.
  child.on('error', () => {});
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [percent, mebibytes] = line.split(',').map(Number);
    values = {
      ...(Number.isFinite(percent) ? { 'device/utilization': (percent ?? 0) / 100 } : {}),
      ...(Number.isFinite(mebibytes) ? { 'device/memory_bytes': (mebibytes ?? 0) * 2 ** 20 } : {}),
    };
  });
  return { latest: () => values, stop: () => child.kill() };
}
