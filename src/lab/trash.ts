import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { refuseWhileAlive } from './launch';
import type { Run } from './run';
import { runsFolderOf, trashName } from './store';

/** Moves a run to the trash beside the other runs, from which it can be restored. @throws Error while it runs */
export async function trashRun(run: Run): Promise<void> {
  await run.refresh();
  refuseWhileAlive(run, 'delete');
  const trash = join(runsFolderOf(run), trashName);
  await mkdir(trash, { recursive: true });
  await rename(run.folder, join(trash, run.id));
}

/** Takes a run out of the trash. @throws Error when it is not there */
export async function restoreRun(runsFolder: string, id: string): Promise<void> {
  const from = join(runsFolder, trashName, id);
  if (!existsSync(from)) throw new Error(`${id} is not in the trash of ${runsFolder}.`);
  await rename(from, join(runsFolder, id));
}

/** Deletes for good what is in the trash. */
export async function emptyTrash(runsFolder: string): Promise<void> {
  await rm(join(runsFolder, trashName), { recursive: true, force: true });
}
