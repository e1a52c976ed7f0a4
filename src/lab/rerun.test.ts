import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../test/faults/programs';
import { formatEvent, type RunEvent } from '../protocol/events';
import { resolveConfig } from './config';
import { resumeRun, startRun, type Tools } from './launch';
import {
  compareRuns,
  differencesBetween,
  differencesOf,
  quoted,
  repetitionWords,
  rerun,
  rerunCommandLine,
} from './rerun';
import { Run } from './run';
import { RuntimeGoneError } from './runtimePin';
import { runIds } from './store';

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
      // Its process goes a moment after it has told of its end.
      return run.status !== 'running' && existsSync(join(run.folder, 'exit.json'));
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
    expect(differencesOf(first, run)).toEqual([]);
    expect(first.start).toMatchObject({
      runtime: 'wasm',
      threads: 1,
      data: expect.stringMatching(/^sha256:/) as string,
    });
    expect(run.record?.pinned).toEqual({ runtime: 'wasm', device: 'cpu' });
    expect(valuesOf(run)).toEqual(valuesOf(first));
    expect(valuesOf(run).length).toBeGreaterThan(10);
    for (const file of ['noise.json', 'soft-labels.npy', 'checkpoints/best.safetensors']) {
      expect(readFileSync(join(run.folder, file)).equals(readFileSync(join(first.folder, file))), file).toBe(true);
    }
    expect(compareRuns(first, run).difference).toBeUndefined();
    // It fills the same cell, but is no part of the sweep.
    expect(run.record).toMatchObject({ config: first.record?.config, rerunOf: first.id, cell: 'c', group: null });
    const other = await startRun({ runsFolder, config: { ...config, seed: 1 } }, tools);
    expect(compareRuns(first, await toItsEnd(other)).difference).toMatchObject({ metric: 'train/loss', step: 2 });
  });

  const hasTensorFlow = existsSync(join(process.env['SAT_TEST_RUNTIMES'] ?? '', 'tensorflow', 'current.json'));
  it.skipIf(!hasTensorFlow)(
    'is repeated and resumed by it also where TensorFlow has been installed since',
    async () => {
      const runsFolder = join(place, 'installed');
      const first = await toItsEnd(await startRun({ runsFolder, config: { ...config, epochs: 1 } }, tools));
      const before = process.env['SAT_RUNTIMES'];
      process.env['SAT_RUNTIMES'] = process.env['SAT_TEST_RUNTIMES'];
      try {
        const same = await toItsEnd((await rerun(first, tools)).run);
        expect(same.runtime).toBe('wasm, cpu');
        expect(compareRuns(first, same).difference).toBeUndefined();
        await resumeRun(first, tools);
        await toItsEnd(first);
        expect(first.start).toMatchObject({ runtime: 'wasm', fromStep: 5 });
        const other = await toItsEnd((await rerun(first, tools, 'tensorflow')).run);
        expect(other.runtime).toBe('tensorflow, CPU:0');
        const versions = { tensorflow: expect.stringMatching(/^\d+\.\d+/) as string };
        expect(other.start).toMatchObject({ threads: availableParallelism(), versions });
        expect(differencesOf(first, other).map(({ what }) => what)).toEqual(
          availableParallelism() > 1 ? ['runtime', 'device', 'threads'] : ['runtime', 'device'],
        );
      } finally {
        process.env['SAT_RUNTIMES'] = before;
      }
    },
  );

  it.skipIf(!hasTensorFlow)('is repeated and resumed with as many threads as it had', async () => {
    const runsFolder = join(place, 'threads');
    const before = process.env['SAT_RUNTIMES'];
    process.env['SAT_RUNTIMES'] = process.env['SAT_TEST_RUNTIMES'];
    try {
      const short = { ...config, runtime: 'tensorflow' as const, epochs: 1 };
      const first = await toItsEnd(await startRun({ runsFolder, config: short, threads: 1 }, tools));
      expect(first.start).toMatchObject({ runtime: 'tensorflow', threads: 1 });
      const same = await toItsEnd((await rerun(first, tools)).run);
      expect(same.start).toMatchObject({ threads: 1 });
      expect(compareRuns(first, same).difference).toBeUndefined();
      await resumeRun(first, tools);
      await toItsEnd(first);
      expect(first.start).toMatchObject({ threads: 1, fromStep: 5 });
    } finally {
      process.env['SAT_RUNTIMES'] = before;
    }
  });

  it('goes nowhere else when it is resumed or repeated without what computed it, unless somebody says so', async () => {
    const runsFolder = join(place, 'gone');
    const run = await toItsEnd(await startRun({ runsFolder, config: { ...config, epochs: 1 } }, tools));
    const stream = join(run.folder, 'metrics.ndjson');
    const text = readFileSync(stream, 'utf8').replace('"wasm","device":"cpu"', '"tensorflow","device":"CPU:0"');
    writeFileSync(stream, text.replace(/^.*"end".*\n/m, ''));
    const moved = new Run(run.folder);
    await expect(rerun(moved, tools)).rejects.toThrow(RuntimeGoneError);
    await expect(rerun(moved, tools)).rejects.toThrow(`allow another runtime: sat rerun ${run.id} --runtime auto.`);
    await expect(resumeRun(moved, tools)).rejects.toThrow(
      `allow another runtime: sat resume ${run.id} --runtime auto.`,
    );
    expect(await runIds(runsFolder)).toEqual([run.id]);
    expect(moved.record?.resumes).toEqual([]);
    const again = await toItsEnd((await rerun(moved, tools, 'auto')).run);
    expect([again.status, again.runtime]).toEqual(['completed', 'wasm, cpu']);
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

describe('what two runs have told of their beginnings', () => {
  const record = { config: {}, versions: {}, machine: {}, git: null };
  const start = (more: object) => ({ ...record, start: { event: 'start' as const, ...more } });
  const then = start({
    runtime: 'tensorflow',
    device: 'GPU:0',
    versions: { tensorflow: '2.15.0' },
    threads: 2,
    data: 'sha256:a',
  });

  it('differs in runtime, device, version, threads and data, by name', () => {
    const now = start({
      runtime: 'tensorflow',
      device: 'CPU:0',
      versions: { tensorflow: '2.21.0' },
      threads: 8,
      data: 'sha256:b',
    });
    expect(differencesBetween(then, now)).toEqual([
      { what: 'device', then: 'GPU:0', now: 'CPU:0' },
      { what: 'versions.tensorflow', then: '2.15.0', now: '2.21.0' },
      { what: 'threads', then: '2', now: '8' },
      { what: 'data', then: 'sha256:a', now: 'sha256:b' },
    ]);
  });

  it('does not differ in what one of them has not told', () => {
    expect(differencesBetween(start({ runtime: 'tensorflow' }), then)).toEqual([]);
    expect(differencesBetween(then, record)).toEqual([]);
  });
});

describe('two runs', () => {
  async function runOf(name: string, status: 'completed' | 'stopped', ...values: Record<string, number>[]) {
    const folder = mkdtempSync(join(place, name));
    const events: RunEvent[] = values.map((of, i) => ({ event: 'metrics', step: i + 1, values: of }));
    writeFileSync(
      join(folder, 'metrics.ndjson'),
      [...events, { event: 'end', status } as const].map(formatEvent).join(''),
    );
    const run = new Run(folder);
    await run.refresh();
    return run;
  }
  const [one, two] = [
    { 'train/loss': NaN, images_per_second: 5, lr: 0.1 },
    { 'train/loss': 0.3, lr: 0.1 },
  ];

  it('differ in the earliest value, to the last bit; speed does not count, and not-a-number is itself', async () => {
    const first = await runOf('a', 'completed', one, two);
    const same = await runOf('b', 'completed', { ...one, images_per_second: 9 }, two);
    expect(compareRuns(first, same)).toEqual({ compared: 4, difference: undefined, stoppedAt: undefined });
    const off = await runOf('c', 'completed', one, { 'train/loss': 0.1 + 0.2, lr: 0.2 });
    const difference = { metric: 'train/loss', step: 2, first: 0.3, second: 0.1 + 0.2 };
    expect(compareRuns(first, off).difference).toEqual(difference);
    const short = await runOf('d', 'completed', one);
    expect(compareRuns(first, short).difference).toMatchObject({ step: 2, second: undefined });
  });

  it('are compared as far as the second came', async () => {
    const first = await runOf('a', 'completed', one, two);
    const words = async (...values: Record<string, number>[]) =>
      repetitionWords('a', compareRuns(first, await runOf('b', 'stopped', ...values)));
    expect(await words(one)).toBe('The same numbers as a, bit for bit, as far as it came (step 1).');
    expect(await words({ ...one, lr: 0.2 })).toBe('Not the same numbers as a: lr at step 1 was 0.1, is 0.2.');
    expect(await words()).toBe('There are no numbers of both to compare with a.');
  });

  it('that have no number are not called the same', async () => {
    const [first, second] = [await runOf('a', 'stopped'), await runOf('b', 'completed', one)];
    expect(repetitionWords('a', compareRuns(first, second))).toContain('no numbers');
  });
});
