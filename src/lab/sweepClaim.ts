import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomic } from '../formats/atomicFile';
import { documentVersion } from '../protocol/config';
import type { ProcessIdentity } from '../protocol/run';
import { sweepRecordSchema, type SweepRecord } from '../protocol/sweep';
import { identify, isAlive, isLocal } from './processes';
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
  const identity = identify(process.pid);
  if (!identity) throw new Error('This process cannot be told from others on this platform.');
  await ensureRunsFolder(runsFolder);
  await mkdir(join(runsFolder, folderName), { recursive: true });
  const file = sweepFile(runsFolder, call);
  const write = () => writeFile(file, text(call, identity), { flag: 'wx' });
  try {
    await write();
  } catch {
    await refuseWhileWorkedOn(file);
    // What an earlier process has left behind.
    await rm(file, { force: true });
    await write();
  }
  return (finished) => (finished ? rm(file, { force: true }) : leaveSweep(runsFolder, call));
}

/** Notes that nobody works on a sweep, by somebody's will: it is not taken for interrupted. */
export async function leaveSweep(runsFolder: string, call: SweepCall): Promise<void> {
  await writeAtomic(sweepFile(runsFolder, call), text(call, null));
}

/** A sweep that is not finished, and that no process of this machine works on. */
export interface UnfinishedSweep extends SweepCall {
  /** Its process has gone before its end, by nobody's will. */
  interrupted: boolean;
}

/** The unfinished sweeps of a runs folder. Those that another machine works on are not among them. */
export async function unfinishedSweeps(runsFolder: string): Promise<UnfinishedSweep[]> {
  const files = await readdir(join(runsFolder, folderName)).catch(() => []);
  const records = await Promise.all(files.map((file) => readRecord(join(runsFolder, folderName, file))));
  return records
    .filter((record) => record !== undefined)
    .filter(({ process: by }) => !by || (isLocal(by) && !isAlive(by)))
    .map(({ group, config, settings, jobs, process: by }) => ({ group, config, settings, jobs, interrupted: !!by }));
}

function text({ group, config, settings, jobs }: SweepCall, by: ProcessIdentity | null): string {
  const record: SweepRecord = { version: documentVersion, group, config, settings, jobs, process: by };
  return JSON.stringify(record, null, 2) + '\n';
}

async function refuseWhileWorkedOn(file: string): Promise<void> {
  const by = (await readRecord(file))?.process;
  if (!by) return;
  if (!isLocal(by)) {
    throw new Error(`${by.host} works on this sweep. Stop it there; if that machine is gone, delete ${file}.`);
  }
  if (isAlive(by)) throw new Error(`Process ${by.pid} works on this sweep already. Wait for its end, or stop it.`);
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
