import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { evaluationsFolder } from '../protocol/evaluation';
import { holdEvaluations } from './evaluate';
import { folderSize } from './folderSize';
import { holdRun, refuseWhileAlive } from './launch';
import type { Run } from './run';
import { runIds, runsFolderOf, trashName, uniqueId } from './store';

/**
 * Moves a run to the trash beside the other runs, from which it can be restored.
 * @throws Error in words while it runs, or one of its checkpoints is being evaluated
 */
export async function trashRun(run: Run): Promise<void> {
  await run.refresh();
  refuseWhileAlive(run, 'delete');
  const releases = [await holdRun(run)];
  let folder = run.folder;
  try {
    if (existsSync(join(folder, evaluationsFolder))) releases.push(await holdEvaluations(folder));
    // It may have been resumed, or an evaluation started, between the first look and the locks.
    await run.refresh();
    refuseWhileAlive(run, 'delete');
    refuseWhileEvaluated(run);
    const trash = join(runsFolderOf(run), trashName);
    await mkdir(trash, { recursive: true });
    await rename(folder, join(trash, run.id));
    folder = join(trash, run.id);
  } finally {
    for (const release of releases) await release(folder);
  }
}

/** What computes would lose its folder, and go on where nobody sees it. */
function refuseWhileEvaluated({ name, evaluations }: Run): void {
  const running = evaluations.filter(({ status }) => status === 'running').map(({ id }) => id);
  if (running.length === 0) return;
  throw new Error(`${name} is being evaluated (${running.join(', ')}). Stop that before you delete it.`);
}

/**
 * Takes a run out of the trash.
 * @param reference its id, or a unique beginning of it
 * @returns its id
 * @throws Error in words when it is not there, or more than one is meant
 */
export async function restoreRun(runsFolder: string, reference: string): Promise<string> {
  const trash = join(runsFolder, trashName);
  // Only names that stand in the trash are taken: a path could lead out of it.
  const id = await uniqueId(trash, reference);
  if (existsSync(join(runsFolder, id))) throw new Error(`There is a run ${id} already.`);
  await rename(join(trash, id), join(runsFolder, id));
  return id;
}

/** What waits in the trash of a runs folder. */
export interface TrashContent {
  runs: number;
  bytes: number;
}

export async function trashContent(runsFolder: string): Promise<TrashContent> {
  const trash = join(runsFolder, trashName);
  return { runs: (await runIds(trash)).length, bytes: await folderSize(trash) };
}

/** Deletes for good what is in the trash. @returns what that was */
export async function emptyTrash(runsFolder: string): Promise<TrashContent> {
  const content = await trashContent(runsFolder);
  await rm(join(runsFolder, trashName), { recursive: true, force: true });
  return content;
}
