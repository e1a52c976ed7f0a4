import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The longest patch that is kept with a run, in bytes. */
export const patchLimit = 1 << 20;

/** More names than this say nothing to anybody. */
const namesLimit = 200;

/** Commit and cleanliness of the repository that a folder lies in; null where there is none. */
export async function gitState(folder: string): Promise<{ commit: string; dirty: boolean } | null> {
  try {
    const commit = (await git(folder, ['rev-parse', 'HEAD'])).trim();
    return { commit, dirty: (await git(folder, ['status', '--porcelain'])) !== '' };
  } catch {
    return null;
  }
}

/**
 * What differs from the commit, as a patch that `git apply` takes. Binary files, untracked ones and those that do not
 * fit are only named, in lines before the patch.
 * @param limit the longest patch, in bytes
 * @returns the bytes; undefined where the state cannot be read
 */
export async function gitPatch(folder: string, limit = patchLimit): Promise<Buffer | undefined> {
  try {
    const { text, complete } = await trackedChanges(folder, limit);
    const files = text.split(/^(?=diff --git )/m).filter((part) => part !== '');
    // Where the reading broke off, the last file is not whole.
    const cut = complete ? [] : files.splice(-1);
    const isBinary = (file: string) => /^Binary files /m.test(file);
    const untracked = await git(folder, ['ls-files', '--others', '--exclude-standard', '--directory', '--full-name']);
    const missing = [
      ...files.filter(isBinary).map((file) => `binary: ${nameIn(file)}`),
      ...cut.map((file) => `more than ${limit} bytes, from this file on: ${nameIn(file)}`),
      ...untracked.split('\n').flatMap((name) => (name === '' ? [] : [`untracked: ${name}`])),
    ];
    if (missing.length > namesLimit) missing.splice(namesLimit, Infinity, 'and more files');
    const notes = missing.map((line) => `# Not in this patch: ${line}\n`);
    return Buffer.from([...notes, ...files.filter((file) => !isBinary(file))].join(''), 'latin1');
  } catch {
    return undefined;
  }
}

function nameIn(file: string): string {
  return /^diff --git "?a\/(.*?)"? "?b\//.exec(file)?.[1] ?? 'a file';
}

async function trackedChanges(folder: string, limit: number): Promise<{ text: string; complete: boolean }> {
  // Whatever is configured, the patch is in git's own form, and no program of the repository's choice is run.
  const plain = ['--no-color', '--no-ext-diff', '--no-textconv', '--src-prefix=a/', '--dst-prefix=b/'];
  try {
    return { text: await git(folder, ['diff', ...plain, 'HEAD'], limit), complete: true };
  } catch (error) {
    const told = error as { code?: unknown; stdout?: unknown };
    if (told.code !== 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER' || typeof told.stdout !== 'string') throw error;
    return { text: told.stdout, complete: false };
  }
}

/** Output as latin1, byte by byte: a patch of files in any encoding must come out as it is. */
async function git(cwd: string, args: string[], maxBuffer = 1 << 24): Promise<string> {
  return (await promisify(execFile)('git', args, { cwd, encoding: 'latin1', maxBuffer })).stdout;
}
