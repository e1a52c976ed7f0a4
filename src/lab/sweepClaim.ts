import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentVersion } from '../protocol/config';
import { sweepRecordSchema, type SweepRecord } from '../protocol/sweep';
import { identify, isAlive, isLocal } from './processes';
import { ensureRunsFolder } from './runsFolder';

const folderName = '.sweeps';

/** What is being swept: enough to go on with it. */
export type SweepCall = Pick<SweepRecord, 'group' | 'config' | 'settings' | 'jobs'>;

/**
 * Notes that this process works on a sweep, so that no other does, and so that it is known when it was interrupted.
 * @returns what to call when the sweep has ended or was stopped
 * @throws Error in words when another process works on it
 */
export async function claimSweep(runsFolder: string, call: SweepCall): Promise<() => Promise<void>> {
  const identity = identify(process.pid);
  if (!identity) throw new Error('This process cannot be told from others on this platform.');
  await ensureRunsFolder(runsFolder);
  await mkdir(join(runsFolder, folderName), { recursive: true });
  const file = fileOf(runsFolder, call);
  const record: SweepRecord = { version: documentVersion, ...call, process: identity };
  const write = () => writeFile(file, JSON.stringify(record, null, 2) + '\n', { flag: 'wx' });
  try {
    await write();
  } catch {
    await refuseWhileWorkedOn(file);
    // What an interrupted process has left behind.
    await rm(file, { force: true });
    await write();
  }
  return () => rm(file, { force: true });
}

/** Sweeps of a runs folder whose process is gone before their end. Only this machine's can be judged. */
export async function interruptedSweeps(runsFolder: string): Promise<SweepRecord[]> {
  const files = await readdir(join(runsFolder, folderName)).catch(() => []);
  const records = await Promise.all(files.map((file) => readRecord(join(runsFolder, folderName, file))));
  return records.filter((record) => record !== undefined).filter(({ process: by }) => isLocal(by) && !isAlive(by));
}

/** Forgets an interrupted sweep. Its runs stay. */
export async function forgetSweep(runsFolder: string, call: SweepCall): Promise<void> {
  await rm(fileOf(runsFolder, call), { force: true });
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

/** The same file with other settings by hand is another sweep. */
function fileOf(runsFolder: string, { config, settings }: SweepCall): string {
  const key = createHash('sha256')
    .update(JSON.stringify([config, settings]))
    .digest('hex');
  return join(runsFolder, folderName, `${key.slice(0, 16)}.json`);
}
