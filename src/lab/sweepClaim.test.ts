import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimSweep, leaveSweep, unfinishedSweeps } from './sweepClaim';

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
