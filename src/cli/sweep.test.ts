import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { trainersOf, until } from '../../test/faults/programs';
import { useSatCommand, type Ended } from '../../test/faults/satCommand';
import { identify } from '../lab/processes';
import { differencesOf } from '../lab/rerun';
import type { Run } from '../lab/run';
import { listRuns } from '../lab/store';
import { unfinishedSweeps } from '../lab/sweepClaim';

const { start, sat, tools, ...here } = useSatCommand('sat-sweep-');
let place: string;
let runsFolder: string;
beforeEach(() => {
  place = here.place();
  runsFolder = here.runsFolder();
  write({ epochs: 2, sweep: { 'data.noise': [{ type: 'corrupted_label', rate: 0.4 }, null], seed: [0, 1] } });
});

const write = (content: object, name = 'grid.sat.json') => writeFileSync(join(place, name), JSON.stringify(content));

interface Document {
  group: string;
  cells: { cell: string; state: string; run: string | null }[];
  rows: { settings: object; n: number; results: Record<string, { mean: number; sd: number | null } | null> }[];
}
const document = ({ stdout }: Ended) => JSON.parse(stdout) as Document;

const running = (runs: readonly Run[]) => runs.filter(({ status }) => status === 'running');
const trainers = async () => (await listRuns(runsFolder)).flatMap(trainersOf).length;

describe('sat sweep', { timeout: 60_000 }, () => {
  it('runs every cell once, prints one table, and exits with 0', async () => {
    const { code, stdout, stderr } = await sat('sweep', 'grid.sat.json', '--jobs', '2');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain('4/4');
    // The trainer that pretends tells of 4/5 at its end.
    expect(stdout.replace(/ +/g, ' ')).toContain('corrupted_label, rate 0.4 80.0 ± 0.0 % 80.0 ± 0.0 % 2');
    const runs = await listRuns(runsFolder);
    expect(runs).toHaveLength(4);
    expect(new Set(runs.map(({ record }) => record?.cell)).size).toBe(4);
    for (const { record } of runs) {
      expect(record).toMatchObject({ group: 'grid.sat.json', groupSize: 4, configFile: join(place, 'grid.sat.json') });
      // Two at a time share the cores.
      expect(record?.threads).toBe(Math.max(1, Math.floor(availableParallelism() / 2)));
    }
    expect(runs[0]?.name).toBe('grid.sat.json: no noise · seed 1');
  });

  it('never repeats a finished cell, one of a plain run neither', async () => {
    write({ epochs: 2, seed: 1 }, 'one.sat.json');
    expect((await sat('run', 'one.sat.json')).code).toBe(0);
    const [alone] = await listRuns(runsFolder);
    const first = document(await sat('sweep', 'grid.sat.json', '--json'));
    expect(first.cells.map(({ state }) => state)).toEqual(Array(4).fill('completed'));
    expect(first.cells[3]?.run).toBe(alone?.id);
    const again = await sat('sweep', 'grid.sat.json', '--json');
    expect(again.code).toBe(0);
    expect(document(again)).toEqual(first);
    expect(await trainers()).toBe(4);
    // A sweep that grows runs what is new.
    write({ epochs: 2, sweep: { 'data.noise': [null], seed: [0, 1, 2] } });
    expect(document(await sat('sweep', 'grid.sat.json', '--json')).cells).toHaveLength(3);
    expect(await trainers()).toBe(5);
  });

  it('runs so many at a time', async () => {
    const { child, ended } = start(['sweep', 'grid.sat.json', '--jobs', '3'], 'slow');
    let most = 0;
    await until('three runs', async () => {
      most = Math.max(most, running(await listRuns(runsFolder)).length);
      return most >= 3;
    });
    await sleep(500);
    expect(running(await listRuns(runsFolder))).toHaveLength(3);
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
  });

  it('at Ctrl-C stops what runs gracefully, exits with 130, and goes on from the checkpoints', async () => {
    const { child, ended } = start(['sweep', 'grid.sat.json', '--jobs', '2'], 'slow');
    await until('the first metrics of two', async () => {
      const runs = await listRuns(runsFolder);
      return runs.length === 2 && runs.every(({ progress }) => progress.step > 2);
    });
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toContain('The same command goes on');
    const stopped = await listRuns(runsFolder);
    expect(stopped.map(({ status }) => status)).toEqual(['stopped', 'stopped']);
    for (const pid of stopped.flatMap(trainersOf)) {
      await until('the end of the trainer', () => identify(pid) === undefined);
    }
    // The next trainer has four steps in all; the checkpoints are beyond them, so that it ends at once.
    const again = await sat('sweep', 'grid.sat.json', '--json');
    expect(again.code).toBe(0);
    const runs = await listRuns(runsFolder);
    expect(runs).toHaveLength(4);
    expect(runs.filter(({ record }) => record?.resumes.length === 1).map(({ id }) => id)).toEqual(
      stopped.map(({ id }) => id),
    );
  });

  it('that was killed leaves its runs at work, and the same command takes them over', async () => {
    const { child, ended } = start(['sweep', 'grid.sat.json'], 'slow');
    await until('the first metrics', async () =>
      (await listRuns(runsFolder)).some(({ progress }) => progress.step > 0),
    );
    child.kill('SIGKILL');
    await ended;
    expect(running(await listRuns(runsFolder))).toHaveLength(1);
    expect(await unfinishedSweeps(runsFolder)).toMatchObject([
      { config: join(place, 'grid.sat.json'), settings: [], jobs: 1, group: 'grid.sat.json', interrupted: true },
    ]);
    const again = start(['sweep', 'grid.sat.json', '--jobs', '1']);
    await sleep(1500);
    const [only, ...others] = await listRuns(runsFolder);
    expect(others).toEqual([]);
    expect((await sat('stop', only!.id)).code).toBe(0);
    const { code } = await again.ended;
    // Somebody stopped that run: the others are done, and it can be gone on with.
    expect(code).toBe(130);
    expect((await listRuns(runsFolder)).map(({ status }) => status).sort()).toEqual([
      'completed',
      'completed',
      'completed',
      'stopped',
    ]);
    expect(await unfinishedSweeps(runsFolder)).toMatchObject([{ group: 'grid.sat.json', interrupted: false }]);
  });

  it('exits with 1 when a cell failed, says why, and runs it again the next time', async () => {
    const failed = await start(['sweep', 'grid.sat.json'], 'fail').ended;
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('The sky is falling.');
    expect(failed.stderr).toContain('0/4 · 4 failed');
    expect((await sat('sweep', 'grid.sat.json')).code).toBe(0);
    const runs = await listRuns(runsFolder);
    expect(runs.filter(({ status }) => status === 'completed')).toHaveLength(4);
    expect(runs.filter(({ status }) => status === 'failed')).toHaveLength(4);
  });

  it('is worked on by one process at a time', async () => {
    const { child, ended } = start(['sweep', 'grid.sat.json'], 'slow');
    await until('a run', async () => running(await listRuns(runsFolder)).length === 1);
    const second = await sat('sweep', 'grid.sat.json');
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`Process ${child.pid} works on this sweep already`);
    expect(await listRuns(runsFolder)).toHaveLength(1);
    child.kill('SIGINT');
    await ended;
    // Stopped by will: it can be gone on with, and is forgotten when it is finished.
    expect(await unfinishedSweeps(runsFolder)).toMatchObject([{ interrupted: false }]);
    expect((await sat('sweep', 'grid.sat.json')).code).toBe(0);
    expect(readdirSync(join(runsFolder, '.sweeps'))).toEqual([]);
  });

  it('shares its cells with another sweep at the same time: each is run once', async () => {
    write(
      { epochs: 2, sweep: { 'data.noise': [{ type: 'corrupted_label', rate: 0.4 }, null], seed: [1, 0] } },
      'two.sat.json',
    );
    const both = ['grid.sat.json', 'two.sat.json'].map((name) => sat('sweep', name, '--jobs', '2', '--json'));
    for (const ended of await Promise.all(both)) {
      expect(ended.code).toBe(0);
      expect(document(ended).cells.map(({ state }) => state)).toEqual(Array(4).fill('completed'));
    }
    expect(await listRuns(runsFolder)).toHaveLength(4);
    expect(await trainers()).toBe(4);
    expect(readdirSync(join(runsFolder, '.sweeps'))).toEqual([]);
  });

  it('that is stopped leaves the run of another one that it waits for', async () => {
    write({ epochs: 2 }, 'one.sat.json');
    const alone = start(['run', 'one.sat.json'], 'slow');
    await until('a run', async () => running(await listRuns(runsFolder)).length === 1);
    write({ epochs: 2, sweep: { seed: [0, 1] } });
    const { child, told, ended } = start(['sweep', 'grid.sat.json']);
    await until('the sweep', () => told.stderr.includes('2 runs'));
    await sleep(500);
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    expect(running(await listRuns(runsFolder))).toHaveLength(1);
    alone.child.kill('SIGINT');
    await alone.ended;
  });

  it('that is stopped leaves the runs of another sweep of the same name', async () => {
    write({ epochs: 2, sweep: { seed: [0] } });
    const first = start(['sweep', 'grid.sat.json'], 'slow');
    await until('a run', async () => running(await listRuns(runsFolder)).length === 1);
    const second = start(['sweep', 'grid.sat.json', '--runtime', 'auto']);
    await until('the second', () => second.told.stderr.includes('1 run'));
    await sleep(500);
    second.child.kill('SIGINT');
    expect((await second.ended).code).toBe(130);
    expect(running(await listRuns(runsFolder))).toHaveLength(1);
    first.child.kill('SIGINT');
    await first.ended;
    expect(running(await listRuns(runsFolder))).toHaveLength(0);
  });

  it('takes a preset, with settings by hand', async () => {
    const ended = await sat('sweep', '--preset', 'digits-noise-table-small', '--set', 'sweep=1');
    expect(ended.code).toBe(2);
    expect(existsSync(runsFolder)).toBe(false);
    const { group, rows } = document(
      await sat('sweep', '--preset', 'digits-noise-table-small', '--jobs', '4', '--json', '--set', 'seed=5'),
    );
    expect(group).toBe('Digits noise table (small)');
    // One seed by hand is over the sweep's three: the same cells, once each.
    expect(rows).toHaveLength(8);
    expect(rows[0]?.results['testAccuracyLast']).toEqual({ mean: 0.8, sd: null });
    const runs = await listRuns(runsFolder);
    expect(runs).toHaveLength(8);
    expect(runs[0]?.record).toMatchObject({ configFile: 'preset:digits-noise-table-small', config: { seed: 5 } });
    // Enough to go on with the same sweep where only its runs are left.
    expect(runs[0]?.record?.settings).toEqual(['seed=5']);
  });

  it.each([
    ['sweep', 'grid.sat.json'],
    ['sweep', '--preset', 'cifar10-noise-table'],
    ['run', '--preset', 'cifar10-sat'],
  ])('whose data are not there exits with 2, says so once and makes no run: sat %s %s %s', async (...args) => {
    const { code, stdout, stderr } = await start(args, 'refuse').ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(`sat: ${args[1] === '--preset' ? 'cifar10' : 'digits'}: no files.\n`);
    expect(existsSync(runsFolder)).toBe(false);
  });

  it('runs a cell anew when the file that its noise comes from has changed', async () => {
    const labels = (text: string) => writeFileSync(join(place, 'labels.txt'), text);
    write({ epochs: 2, sweep: { 'data.noise': [{ type: 'label_file', file: 'labels.txt' }] } });
    const made = async () => {
      expect((await sat('sweep', 'grid.sat.json')).code).toBe(0);
      return (await listRuns(runsFolder)).length;
    };
    labels('1');
    expect([await made(), await made()]).toEqual([1, 1]);
    labels('2');
    expect([await made(), await made()]).toEqual([2, 2]);
    rmSync(join(place, 'labels.txt'));
    expect(await made()).toBe(2);
    const [second, first] = await listRuns(runsFolder);
    const differences = differencesOf(first!, second!).map(({ what }) => what);
    expect(differences).toEqual(['noiseFile']);
  });

  it('that is finished needs its data no more', async () => {
    expect((await sat('sweep', 'grid.sat.json')).code).toBe(0);
    expect((await start(['sweep', 'grid.sat.json'], 'refuse').ended).code).toBe(0);
  });

  it.each([
    ['a file that is no sweep', ['sweep', 'one.sat.json'], /no sweep.*"sat run"/],
    ['no job', ['sweep', 'grid.sat.json', '--jobs', '0'], /whole number from 1/],
    ['an unknown preset', ['sweep', '--preset', 'none'], /no such preset.*digits-noise-table-small/],
    ['a preset that leads out of its folder', ['run', '--preset', '../presets/digits-sat-small'], /no such preset/],
    ['a file and a preset', ['sweep', 'grid.sat.json', '--preset', 'digits-noise-table-small'], /exclude each other/],
    ['neither', ['sweep'], /missing required argument/],
    ['a sweep for sat run', ['run', 'grid.sat.json'], /"sat sweep" runs it/],
  ])('with %s exits with 2 and makes no run', async (_what, args, message) => {
    write({ epochs: 2 }, 'one.sat.json');
    const { code, stderr } = await sat(...args);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(existsSync(runsFolder)).toBe(false);
  });
});

describe('sat presets', () => {
  it('lists what there is', async () => {
    const { code, stdout } = await sat('presets', '--json');
    expect(code).toBe(0);
    const { presets } = JSON.parse(stdout) as { presets: { name: string; isSweep: boolean; notes: string }[] };
    const names = readdirSync(join(tools().dist, '../media/presets')).map((file) => file.replace('.sat.json', ''));
    expect(presets.map(({ name }) => name)).toEqual(names.sort());
    expect(presets.find(({ name }) => name === 'digits-noise-table-small')).toMatchObject({ isSweep: true });
  });

  it('says of one what is scaled down, where it is from and how to start it', async () => {
    const { code, stdout } = await sat('presets', 'digits-noise-table-small');
    expect(code).toBe(0);
    expect(stdout).toMatch(/scaled down to digits.*Source: [^]*\nsat sweep --preset digits-noise-table-small\n$/);
    const none = await sat('presets', 'none');
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('no such preset')]);
  });
});

describe('a run of a repository that differs from its commit', { timeout: 30_000 }, () => {
  it('keeps the difference beside its record', async () => {
    const git = (...args: string[]) =>
      new Promise((resolve) =>
        spawn('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.org', ...args], { cwd: place }).on(
          'close',
          resolve,
        ),
      );
    write({ epochs: 2 }, 'one.sat.json');
    await git('init', '-q');
    await git('add', '.');
    await git('commit', '-q', '-m', 'Begin');
    await sat('run', 'one.sat.json');
    write({ epochs: 3 }, 'one.sat.json');
    await sat('run', 'one.sat.json');
    const [dirty, clean] = await listRuns(runsFolder);
    expect([clean?.record?.git?.dirty, dirty?.record?.git?.dirty]).toEqual([false, true]);
    expect(existsSync(join(clean!.folder, 'git.patch'))).toBe(false);
    expect(readFileSync(join(dirty!.folder, 'git.patch'), 'utf8')).toContain('+{"epochs":3}');
  });
});

describe('sat rerun', { timeout: 30_000 }, () => {
  it('repeats a run, and says whether the numbers are the same', async () => {
    write({ epochs: 2, seed: 3 }, 'one.sat.json');
    await sat('run', 'one.sat.json');
    const [first] = await listRuns(runsFolder);
    const same = await sat('rerun', first!.id);
    expect(same).toMatchObject({ code: 0, stdout: '' });
    expect(same.stderr).toContain(`The same numbers as ${first!.id}, bit for bit.`);
    const [second] = await listRuns(runsFolder);
    expect(second?.record).toMatchObject({ rerunOf: first!.id, config: { seed: 3 }, cell: first!.record?.cell });
    const stream = join(first!.folder, 'metrics.ndjson');
    writeFileSync(
      stream,
      readFileSync(stream, 'utf8').replace('"train/loss":0.5,', '"train/loss":0.5000000000000001,'),
    );
    const record = join(first!.folder, 'run.json');
    writeFileSync(record, readFileSync(record, 'utf8').replace('"0.0.0-test"', '"0.0.0-older"'));
    const other = await sat('rerun', first!.id, '--json');
    expect(other.stderr).toContain('differs: versions.sat-lab: 0.0.0-older then, 0.0.0-test now');
    expect(JSON.parse(other.stdout)).toMatchObject({
      status: 'completed',
      identical: false,
      firstDifference: { metric: 'train/loss', step: 2, first: 0.5000000000000001, second: 0.5 },
      differences: [{ what: 'versions.sat-lab' }],
    });
    const changed = await start(['rerun', second!.id], 'other-data').ended;
    expect(changed.stderr).toContain('differs: data: sha256:0 then, sha256:1 now');
  });
});
