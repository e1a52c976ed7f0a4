import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { formatEvent, type RunEvent } from '../protocol/events';
import * as processes from './processes';
import { Run } from './run';

vi.mock('./processes');

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sat-run-'));
  const identity = { host: hostname(), bootId: 'boot', pid: 1, startTime: '1' };
  const record = { version: 1, id: 'one', created: new Date().toISOString(), config: {}, process: identity };
  writeFileSync(join(folder, 'run.json'), JSON.stringify(record));
  emit({ event: 'start', time: 1 }, { event: 'metrics', step: 1, values: { loss: 1 } });
  vi.mocked(processes.isLocal).mockReturnValue(true);
});
afterEach(() => rmSync(folder, { recursive: true }));

function emit(...events: RunEvent[]): void {
  appendFileSync(join(folder, 'metrics.ndjson'), events.map(formatEvent).join(''));
}

describe('a process that ends while its files are being read', () => {
  it.each(['completed', 'stopped', 'failed'] as const)('is not lost when it told of its end: %s', async (status) => {
    // The last moment of a process: its end is written after the reader has passed, and then it is gone.
    vi.mocked(processes.isAlive)
      .mockReturnValue(false)
      .mockImplementationOnce(() => {
        emit({ event: 'end', status });
        return false;
      });
    const run = new Run(folder);
    await run.refresh();
    expect(run.status).toBe(status);
  });

  it('is not lost when its exit was noted', async () => {
    vi.mocked(processes.isAlive)
      .mockReturnValue(false)
      .mockImplementationOnce(() => {
        writeFileSync(join(folder, 'exit.json'), '{"version":1,"code":null,"signal":"SIGKILL","time":2}');
        return false;
      });
    const run = new Run(folder);
    await run.refresh();
    expect(run.status).toBe('failed');
  });

  it('is lost when there is nothing more to be read', async () => {
    vi.mocked(processes.isAlive).mockReturnValue(false);
    const run = new Run(folder);
    await run.refresh();
    expect(run.status).toBe('lost');
  });
});

describe('a run that was resumed', () => {
  it.each([
    [99, 'running'],
    [101, 'failed'],
  ])('at second 100 takes an exit of second %d for its own only when it is later: %s', async (time, status) => {
    vi.mocked(processes.isAlive).mockReturnValue(true);
    const record = {
      version: 1,
      id: 'one',
      created: new Date().toISOString(),
      config: {},
      process: { host: hostname(), bootId: 'boot', pid: 1, startTime: '1' },
      resumes: [{ time: 100, checkpoint: 'latest.safetensors', byte: 0 }],
    };
    writeFileSync(join(folder, 'run.json'), JSON.stringify(record));
    writeFileSync(join(folder, 'exit.json'), JSON.stringify({ version: 1, code: 130, signal: null, time }));
    const run = new Run(folder);
    await run.refresh();
    expect(run.status).toBe(status);
  });

  it('says why it died, also when it had been stopped before', async () => {
    emit({ event: 'end', status: 'stopped' });
    const record = {
      version: 1,
      id: 'one',
      created: new Date().toISOString(),
      config: {},
      resumes: [{ time: 100, checkpoint: 'latest.safetensors', byte: statSync(join(folder, 'metrics.ndjson')).size }],
    };
    writeFileSync(join(folder, 'run.json'), JSON.stringify(record));
    writeFileSync(join(folder, 'exit.json'), '{"version":1,"code":134,"signal":null,"time":101}');
    writeFileSync(join(folder, 'trainer.log'), 'FATAL ERROR: Reached heap limit\n');
    const run = new Run(folder);
    await run.refresh();
    expect(run.status).toBe('failed');
    expect(run.statusNote).toContain('Reached heap limit');
  });
});
