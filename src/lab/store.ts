import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { runFiles, runRecordSchema, type RunRecord } from '../protocol/run';
import { Run } from './run';

/** Names of the run folders, newest first: ids sort by creation. */
export async function runIds(runsFolder: string): Promise<string[]> {
  const entries = await readdir(runsFolder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .sort()
    .reverse();
}

/** All runs of a folder, read. */
export async function listRuns(runsFolder: string): Promise<Run[]> {
  const runs = (await runIds(runsFolder)).map((id) => new Run(join(runsFolder, id)));
  await Promise.all(runs.map((run) => run.refresh()));
  return runs;
}

/** What stands in a run's record; undefined where it cannot be read as one. */
export async function readRunRecord(folder: string): Promise<RunRecord | undefined> {
  try {
    return runRecordSchema.parse(JSON.parse(await readFile(join(folder, runFiles.record), 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * The run that somebody means by an id, a unique prefix of one, or a path.
 * @throws Error in words when there is none, or more than one
 */
export async function findRun(runsFolder: string, reference: string): Promise<Run> {
  const path = resolve(reference);
  if (existsSync(join(path, runFiles.record)) && (await stat(path)).isDirectory()) return opened(path);
  return opened(join(runsFolder, await uniqueId(runsFolder, reference)));
}

/** The run of a folder whose id is this, or the only one whose id begins so. @throws Error in words */
export async function uniqueId(folder: string, reference: string): Promise<string> {
  const ids = (await runIds(folder)).filter((id) => id.startsWith(reference));
  const [first] = ids;
  if (first !== undefined && (ids.length === 1 || ids.includes(reference))) return ids.length === 1 ? first : reference;
  if (ids.length === 0) throw new Error(`No run ${reference} in ${folder}. "sat list" shows what is there.`);
  throw new Error(
    `${reference} is the beginning of ${ids.length} runs: ${ids.slice(0, 5).join(', ')}. Give more of it.`,
  );
}

async function opened(folder: string): Promise<Run> {
  const run = new Run(folder);
  await run.refresh();
  return run;
}

/** Where deleted runs wait, inside the runs folder: moving there is instant, works headless, and can be undone. */
export const trashName = '.trash';

/** The runs folder that a run lies in. */
export function runsFolderOf(run: Run): string {
  const parent = dirname(run.folder);
  return basename(parent) === trashName ? dirname(parent) : parent;
}
