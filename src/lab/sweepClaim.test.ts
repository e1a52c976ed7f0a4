import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeClaim } from './claim';
import { claimSweep, leaveSweep, unfinishedSweeps, withCell } from './sweepClaim';

let runsFolder: string;
beforeEach(() => {
  runsFolder = mkdtempSync(join(tmpdir(), 'sat-claim-'));
});
afterEach(() => rmSync(runsFolder, { recursive: true }));

const call = { group: 'grid', config: '/somewhere/grid.sat.json', settings: ['epochs=3'], jobs: 2 };

/** Makes the one claim there is look like another process's. */
function handOver(process: object): void {
  const [name] = readdirSync(join(runsFolder, '.sweeps'));
  const file = join(runsFolder, '.sweeps', name!);
  const record = JSON.parse(readFileSync(file, 'utf8')) as { process: object };
  writeFileSync(file, JSON.stringify({ ...record, process: { ...record.process, ...process } }));
}

describe('a claim on a sweep', () => {
  it('keeps others away until it is given up, and then says how to go on', async () => {
    const release = await claimSweep(runsFolder, call);
    await expect(claimSweep(runsFolder, call)).rejects.toThrow(`Process ${process.pid} works on this sweep already`);
    expect(await unfinishedSweeps(runsFolder)).toEqual([]);
    await release(false);
    expect(await unfinishedSweeps(runsFolder)).toEqual([{ ...call, interrupted: false }]);
    await (
      await claimSweep(runsFolder, call)
    )(true);
    expect(await unfinishedSweeps(runsFolder)).toEqual([]);
    await leaveSweep(runsFolder, call);
    expect(readdirSync(join(runsFolder, '.sweeps'))).toEqual([]);
  });

  it('is of one file with one set of settings', async () => {
    await claimSweep(runsFolder, call);
    await expect(claimSweep(runsFolder, { ...call, settings: [] })).resolves.toBeDefined();
  });

  it('of a process that is gone is an interruption, which anybody may take over or leave', async () => {
    await claimSweep(runsFolder, call);
    handOver({ startTime: 'long ago' });
    expect(await unfinishedSweeps(runsFolder)).toEqual([{ ...call, interrupted: true }]);
    await leaveSweep(runsFolder, call);
    expect(await unfinishedSweeps(runsFolder)).toEqual([{ ...call, interrupted: false }]);
    await expect(claimSweep(runsFolder, call)).resolves.toBeDefined();
  });

  it('of another machine is not judged', async () => {
    await claimSweep(runsFolder, call);
    handOver({ host: 'elsewhere', bootId: 'other' });
    expect(await unfinishedSweeps(runsFolder)).toEqual([]);
    await leaveSweep(runsFolder, call);
    await expect(claimSweep(runsFolder, call)).rejects.toThrow(/elsewhere works on this sweep.*delete .*\.sweeps/);
  });

  it('that cannot be read stands in nobody’s way', async () => {
    await claimSweep(runsFolder, call);
    const [name] = readdirSync(join(runsFolder, '.sweeps'));
    writeFileSync(join(runsFolder, '.sweeps', name!), '{"version":');
    expect(await unfinishedSweeps(runsFolder)).toEqual([]);
    await expect(claimSweep(runsFolder, call)).resolves.toBeDefined();
  });
});

describe('the start of a cell’s run', () => {
  const notes = () => readdirSync(join(runsFolder, '.sweeps'));

  it('is one at a time, and leaves nothing behind', async () => {
    let [at, most] = [0, 0];
    const start = (cell: string) =>
      withCell(runsFolder, cell, async () => {
        most = Math.max(most, (at += 1));
        await sleep(20);
        at -= 1;
        return cell;
      });
    expect(await Promise.all([start('a'), start('a'), start('a')])).toEqual(['a', 'a', 'a']);
    expect(most).toBe(1);
    await Promise.all([start('a'), start('b')]);
    expect(most).toBe(2);
    await expect(withCell(runsFolder, 'a', () => Promise.reject(new Error('no space')))).rejects.toThrow('no space');
    expect(notes()).toEqual([]);
  });

  it('is taken over from a process that is gone, and is no unfinished sweep', async () => {
    const file = join(runsFolder, '.sweeps', 'cell-a.json');
    mkdirSync(dirname(file));
    const process = { host: hostname(), bootId: 'an earlier start', pid: 1, startTime: '1' };
    writeFileSync(file, JSON.stringify({ cell: 'a', process }));
    expect(await unfinishedSweeps(runsFolder)).toEqual([]);
    expect(await withCell(runsFolder, 'a', () => Promise.resolve('started'))).toBe('started');
    expect(notes()).toEqual([]);
  });
});

describe('a claim that a process has left behind', () => {
  it('is taken over by one of many', async () => {
    const file = join(runsFolder, 'claim.json');
    const process = { host: hostname(), bootId: 'an earlier start', pid: 1, startTime: '1' };
    for (let i = 0; i < 50; i += 1) {
      writeFileSync(file, JSON.stringify({ process }));
      const holders = await Promise.all(Array.from({ length: 8 }, () => takeClaim(file, {})));
      expect(holders.filter((holder) => holder === undefined)).toHaveLength(1);
      rmSync(file);
    }
    expect(readdirSync(runsFolder)).toEqual([]);
  });
});
