import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../test/faults/programs';
import { formatEvent } from '../protocol/events';
import { resolveConfig } from './config';
import { startRun, type Tools } from './launch';
import { differencesBetween, firstDifference, quoted, rerun, rerunCommandLine } from './rerun';
import { Run } from './run';

/** The programs as they ship: `node esbuild.mjs` makes them. */
const tools: Tools = { node: process.execPath, dist: resolve(import.meta.dirname, '../../dist'), version: 'test' };

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'sat-rerun-'));
});
afterAll(async () => {
  await sleep(100);
  rmSync(place, { recursive: true, maxRetries: 20 });
});

async function toItsEnd(run: Run): Promise<Run> {
  await until(
    'the end of the run',
    async () => {
      await run.refresh();
      return run.status !== 'running';
    },
    60,
  );
  return run;
}

const config = resolveConfig({
  method: { name: 'sat', startEpoch: 1 },
  data: { name: 'digits', limit: 300, augment: true, noise: { type: 'corrupted_label', rate: 0.4 } },
  epochs: 3,
  batchSize: 64,
  metrics: { every: 2 },
});

/** What must be the same: every value of every event, but no times and no speeds. */
function valuesOf(run: Run) {
  return readFileSync(join(run.folder, 'metrics.ndjson'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; step?: number; values?: Record<string, number> })
    .map(({ event, step, values }) => ({ event, step, values: { ...values, images_per_second: undefined } }));
}

describe('a run on the embedded runtime', { timeout: 120_000 }, () => {
  it('that is repeated exactly gives the same metrics, soft labels and noise, bit for bit', async () => {
    const runsFolder = join(place, 'exact');
    const first = await toItsEnd(await startRun({ runsFolder, config, group: 'a sweep', cell: 'c' }, tools));
    expect([first.status, first.statusNote]).toEqual(['completed', undefined]);
    const { run, differences } = await rerun(first, tools);
    await toItsEnd(run);
    expect(run.status).toBe('completed');
    expect(differences).toEqual([]);
    expect(valuesOf(run)).toEqual(valuesOf(first));
    expect(valuesOf(run).length).toBeGreaterThan(10);
    for (const file of ['noise.json', 'soft-labels.npy', 'checkpoints/best.safetensors']) {
      expect(readFileSync(join(run.folder, file)).equals(readFileSync(join(first.folder, file))), file).toBe(true);
    }
    expect(firstDifference(first, run)).toBeUndefined();
    // It fills the same cell, but is no part of the sweep.
    expect(run.record).toMatchObject({ config: first.record?.config, rerunOf: first.id, cell: 'c', group: null });
    const other = await startRun({ runsFolder, config: { ...config, seed: 1 } }, tools);
    expect(firstDifference(first, await toItsEnd(other))).toMatchObject({ metric: 'train/loss', step: 2 });
  });

  it('of a configuration that this version does not know is refused in words', async () => {
    const runsFolder = join(place, 'newer');
    const run = await toItsEnd(await startRun({ runsFolder, config: { ...config, epochs: 1 } }, tools));
    const file = join(run.folder, 'run.json');
    const record = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...record, config: { method: { name: 'telepathy' } } }));
    await expect(rerun(run, tools)).rejects.toThrow(/is not understood by SAT Lab test\. It was made by test/);
  });
});

describe('the command that repeats a run', () => {
  it('names the run and its folder, not the file that may have changed since', () => {
    const run = new Run(join(place, 'it’s here', '20250101-000000-0000'));
    const words = ['sat', 'rerun', '20250101-000000-0000', '--runs', join(place, 'it’s here')];
    const program = `set -- ${rerunCommandLine(run)}; printf '%s\\n' "$@"`;
    expect(execFileSync('sh', ['-c', program], { encoding: 'utf8' })).toBe(words.map((word) => `${word}\n`).join(''));
  });

  it.each(['plain-1.2/x', "it's", 'a b', '$HOME', '"', '\\', '*', 'ü', ''])('quotes %j for a POSIX shell', (word) => {
    expect(execFileSync('sh', ['-c', `printf %s ${quoted(word, 'linux')}`], { encoding: 'utf8' })).toBe(word);
  });

  it('quotes with what Windows knows', () => {
    expect(quoted('C:\\runs', 'win32')).toBe('C:\\runs');
    expect(quoted('C:\\my runs', 'win32')).toBe('"C:\\my runs"');
  });
});

describe('what differs from then', () => {
  const then = {
    config: { epochs: 3, model: { name: 'small-cnn' } },
    versions: { 'sat-lab': '0.1.0', trainer: 'aa' },
    machine: { host: 'a', cores: 2 },
    git: { commit: '1', dirty: true },
  };

  it('is nothing when nothing does', () => expect(differencesBetween(then, structuredClone(then))).toEqual([]));

  it('is named key by key: settings that are new, versions, machine, commit', () => {
    const now = {
      config: { epochs: 3, model: { name: 'small-cnn', width: 64 } },
      versions: { 'sat-lab': '0.2.0', trainer: 'aa' },
      machine: { host: 'a', cores: 4 },
      git: null,
    };
    expect(differencesBetween(then, now)).toEqual([
      { what: 'versions.sat-lab', then: '0.1.0', now: '0.2.0' },
      { what: 'machine.cores', then: '2', now: '4' },
      { what: 'git.commit', then: '1', now: 'none' },
      { what: 'git.dirty', then: 'true', now: 'none' },
      { what: 'config.model.width', then: 'none', now: '64' },
    ]);
  });
});

describe('the first difference of two runs', () => {
  async function runOf(name: string, ...values: Record<string, number>[]): Promise<Run> {
    const folder = mkdtempSync(join(place, name));
    const lines = values.map((of, i) => formatEvent({ event: 'metrics', step: i + 1, values: of }));
    writeFileSync(join(folder, 'metrics.ndjson'), lines.join(''));
    const run = new Run(folder);
    await run.refresh();
    return run;
  }

  it('is the earliest, to the last bit; speed does not count, and not-a-number is itself', async () => {
    const first = await runOf(
      'a',
      { 'train/loss': NaN, images_per_second: 5, lr: 0.1 },
      { 'train/loss': 0.3, lr: 0.1 },
    );
    const same = await runOf('b', { 'train/loss': NaN, images_per_second: 9, lr: 0.1 }, { 'train/loss': 0.3, lr: 0.1 });
    expect(firstDifference(first, same)).toBeUndefined();
    const off = await runOf('c', { 'train/loss': NaN, lr: 0.1 }, { 'train/loss': 0.1 + 0.2, lr: 0.1 });
    expect(firstDifference(first, off)).toEqual({ metric: 'train/loss', step: 2, first: 0.3, second: 0.1 + 0.2 });
    const short = await runOf('d', { 'train/loss': NaN, lr: 0.1 });
    expect(firstDifference(first, short)).toMatchObject({ step: 2, second: undefined });
  });
});
