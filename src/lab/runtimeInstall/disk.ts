import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBytes } from '../format';
import { InstallProblem } from './problem';

/** Of all files in a folder, links not followed, in bytes; what goes away meanwhile does not count. */
export async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = names.map((name) =>
    lstat(join(folder, name)).then(
      (found) => (found.isFile() ? found.size : 0),
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** @throws InstallProblem when the disk of a folder has fewer bytes free */
export async function requireSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytes) return;
  const free = formatBytes(bavail * bsize);
  throw new InstallProblem(
    `The disk of ${folder} has ${free} free, and the installation needs ${formatBytes(bytes)}. ${moreSpace}`,
  );
}

export const moreSpace = 'Free some space, or set SAT_RUNTIMES to a folder on another disk.';
