import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeAtomic } from '../formats/atomicFile';
import { documentVersion } from '../protocol/config';
import { sweepRecordSchema, type SweepRecord } from '../protocol/sweep';
import { takeClaim, waitForClaim } from './claim';
import { isAlive, isLocal } from './processes';
import { ensureRunsFolder } from './runsFolder';

const folderName = '.sweeps';

/** What is being swept: enough to go on with it. */
export type SweepCall = Pick<SweepRecord, 'group' | 'config' | 'settings' | 'jobs'>;

/**
 * Notes that this process works on a sweep, so that no other does, and so that it is known when it was interrupted.
 * @returns what to call when the work is over; `finished`: there is nothing left to go on with
 * @throws Error in words when another process works on it
 */
export async function claimSweep(runsFolder: string, call: SweepCall): Promise<(finished: boolean) => Promise<void>> {
  await ensureRunsFolder(runsFolder);
  const file = sweepFile(runsFolder, call);
  await mkdir(dirname(file), { recursive: true });
  const by = await takeClaim(file, recordOf(call));
  if (by && !isLocal(by)) {
    throw new Error(`${by.host} works on this sweep. Stop it there; if that machine is gone, delete ${file}.`);
  }
  if (by) throw new Error(`Process ${by.pid} works on this sweep already. Wait for its end, or stop it.`);
  return (finished) => (finished ? rm(file, { force: true }) : giveUp(file, call));
}

/**
 * Looks for the run of a cell, or starts it, while no other process does the same.
 * @throws Error in words when another one does for longer than a start takes
 */
export async function withCell<T>(runsFolder: string, cell: string, action: () => Promise<T>): Promise<T> {
  const file = join(runsFolder, folderName, `cell-${cell}.json`);
  await mkdir(dirname(file), { recursive: true });
  const by = await waitForClaim(file, { cell });
  if (by) {
    throw new Error(`Process ${by.pid} on ${by.host} is starting this very run. If that is not so, delete ${file}.`);
  }
  try {
    return await action();
  } finally {
    await rm(file, { force: true });
  }
}

/**
 * Notes that nobody is to work on an interrupted sweep for now. One that another process has taken up is left to it, and
 * one that it has finished meanwhile is forgotten.
 */
export async function leaveSweep(runsFolder: string, call: SweepCall): Promise<void> {
  const file = sweepFile(runsFolder, call);
  if (existsSync(file) && !(await takeClaim(file, recordOf(call)))) await giveUp(file, call);
}

async function giveUp(file: string, call: SweepCall): Promise<void> {
  await writeAtomic(file, JSON.stringify(recordOf(call), null, 2) + '\n');
}

/** A sweep that is not finished, and that no process of this machine works on. */
export interface UnfinishedSweep extends SweepCall {
  /** Its process has gone before its end, by nobody's will. */
  interrupted: boolean;
}

/** The unfinished sweeps of a runs folder. Those that another machine works on are not among them. */
export async function unfinishedSweeps(runsFolder: string): Promise<UnfinishedSweep[]> {
  const names = await readdir(join(runsFolder, folderName)).catch(() => []);
  const files = names.filter((name) => name.endsWith('.json'));
  const records = await Promise.all(files.map((file) => readRecord(join(runsFolder, folderName, file))));
  return records
    .filter((record) => record !== undefined)
    .filter(({ process: by }) => !by || (isLocal(by) && !isAlive(by)))
    .map(({ group, config, settings, jobs, process: by }) => ({ group, config, settings, jobs, interrupted: !!by }));
}

function recordOf({ group, config, settings, jobs }: SweepCall): SweepRecord {
  return { version: documentVersion, group, config, settings, jobs, process: null };
}

async function readRecord(file: string): Promise<SweepRecord | undefined> {
  try {
    return sweepRecordSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * Where a sweep is noted, which tells it from every other: the same file with other settings by hand is another sweep,
 * whatever its runs are filed under.
 */
export function sweepFile(runsFolder: string, { config, settings }: Pick<SweepCall, 'config' | 'settings'>): string {
  const key = createHash('sha256')
    .update(JSON.stringify([config, settings]))
    .digest('hex');
  return join(runsFolder, folderName, `${key.slice(0, 16)}.json`);
}
