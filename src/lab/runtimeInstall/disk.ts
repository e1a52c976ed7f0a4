import { statfs } from 'node:fs/promises';
import { formatBytes } from '../format';
import { InstallProblem } from './problem';

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
