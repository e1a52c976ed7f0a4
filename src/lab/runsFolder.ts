import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { messageOf } from '../protocol/errors';

const folderName = 'sat-runs';

/**
 * Where runs are kept: the folder given by hand, the environment's, the nearest `sat-runs` upwards, or a new one here.
 * @returns an absolute path, which need not exist yet
 */
export function findRunsFolder({
  explicit,
  environment = process.env['SAT_RUNS'],
  from = process.cwd(),
}: {
  explicit?: string | undefined;
  environment?: string | undefined;
  from?: string;
}): string {
  const named = explicit ?? environment;
  if (named !== undefined && named !== '') return resolve(from, named);
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const candidate = join(folder, folderName);
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) return resolve(from, folderName);
  }
}

/** Makes the runs folder where it is missing, with a .gitignore that keeps it out of git. @throws Error in words */
export async function ensureRunsFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    const ignore = join(folder, '.gitignore');
    if (!existsSync(ignore)) await writeFile(ignore, '# Runs are large and can be made again.\n*\n');
  } catch (error) {
    const reason = messageOf(error);
    throw new Error(
      `The runs folder ${folder} cannot be written (${reason}). Choose another with --runs or the setting.`,
    );
  }
}
