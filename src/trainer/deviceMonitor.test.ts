import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { watchDevice } from './deviceMonitor';

const folder = mkdtempSync(join(tmpdir(), 'gpu-'));
const asked = join(folder, 'asked');
afterAll(() => rmSync(folder, { recursive: true }));

/** An nvidia-smi that notes how it was called. */
function withNvidiaSmi(answer: string, visible?: string): NodeJS.ProcessEnv {
  const program = join(folder, 'nvidia-smi');
  writeFileSync(program, `#!/bin/sh\necho "$@" > ${asked}\necho "${answer}"\nexec sleep 30\n`);
  chmodSync(program, 0o755);
  return {
    PATH: `${folder}:${process.env['PATH']}`,
    ...(visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible }),
  };
}

describe.skipIf(process.platform === 'win32')('watching a GPU', () => {
  it('tells utilisation as a share and memory in bytes', async () => {
    const monitor = watchDevice('GPU:0', withNvidiaSmi('37, 2048'));
    expect(monitor.latest()).toEqual({});
    await vi.waitFor(() =>
      expect(monitor.latest()).toEqual({ 'device/utilization': 0.37, 'device/memory_bytes': 2 ** 31 }),
    );
    monitor.stop();
    expect(readFileSync(asked, 'utf8')).toContain('--id=0');
  });

  it('leaves out what the card does not tell, and asks after the card that the run may see', async () => {
    const monitor = watchDevice('GPU:1', withNvidiaSmi('[N/A], 10', '3,7'));
    await vi.waitFor(() => expect(monitor.latest()).toEqual({ 'device/memory_bytes': 10 * 2 ** 20 }));
    monitor.stop();
    expect(readFileSync(asked, 'utf8')).toContain('--id=7');
  });

  it('has nothing to say of a CPU, or without nvidia-smi', async () => {
    expect(watchDevice('CPU:0').latest()).toEqual({});
    const monitor = watchDevice('GPU:0', { PATH: '/nonexistent' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(monitor.latest()).toEqual({});
    monitor.stop();
  });
});
