import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Size of all files in a folder, links not followed, in bytes; what goes away meanwhile does not count. */
export async function folderSize(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = names.map((name) =>
    lstat(join(folder, name)).then(
      (found) => (found.isFile() ? found.size : 0),
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
