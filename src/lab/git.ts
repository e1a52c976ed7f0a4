import { execFile } from 'node:child_process';
import { copyFile, lstat, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** The longest patch that is kept with a run, and the most of untracked files besides, in bytes. */
export const patchLimit = 1 << 20;

/** More names than this say nothing to anybody. */
const namesLimit = 200;

/** More untracked files than this are data rather than code. */
const untrackedFiles = 1000;

/** Commit and cleanliness of the repository that a folder lies in; null where there is none. */
export async function gitState(folder: string): Promise<{ commit: string; dirty: boolean } | null> {
  try {
    const commit = (await git(folder, ['rev-parse', 'HEAD'])).trim();
    const status = await git(folder, ['status', '--porcelain', '--untracked-files=normal']);
    return { commit, dirty: status !== '' };
  } catch {
    return null;
  }
}

/**
 * What differs from the commit, as a patch that `git apply` takes at the top of the repository: changes to tracked files,
 * and untracked text files. Binary files and those that do not fit are only named, in lines before the patch.
 * @param limit the longest patch of tracked files, and the most of untracked ones, in bytes
 * @returns the bytes; undefined where the state cannot be read
 */
export async function gitPatch(folder: string, limit = patchLimit): Promise<Buffer | undefined> {
  try {
    const top = (await git(folder, ['rev-parse', '--show-toplevel'])).replace(/\n$/, '');
    const { text, complete } = await changes(top, ['HEAD'], limit);
    const files = filesIn(text);
    // Where the reading broke off, the last file is not whole.
    const cut = complete ? [] : files.splice(-1);
    const { added, named } = await untracked(top, limit);
    const isBinary = (file: string) => /^Binary files /m.test(file);
    const missing = [
      ...files.filter(isBinary).map((file) => `binary: ${nameIn(file)}`),
      ...cut.map((file) => `more than ${limit} bytes, from this file on: ${nameIn(file)}`),
      ...named.map((name) => `untracked: ${name}`),
    ];
    if (missing.length > namesLimit) missing.splice(namesLimit, Infinity, 'and more files');
    const notes = missing.map((line) => `# Not in this patch: ${line}\n`);
    return Buffer.from([...notes, ...files.filter((file) => !isBinary(file)), ...added].join(''), 'latin1');
  } catch {
    return undefined;
  }
}

function filesIn(patch: string): string[] {
  return patch.split(/^(?=diff --git )/m).filter((part) => part !== '');
}

function nameIn(file: string): string {
  return /^diff --git "?a\/(.*?)"? "?b\//.exec(file)?.[1] ?? 'a file';
}

/**
 * Differences of the working tree from a commit, or from an index.
 * @param complete false when they are longer than the limit and broken off there
 */
async function changes(
  top: string,
  what: readonly string[],
  limit: number,
  env: NodeJS.ProcessEnv = {},
): Promise<{ text: string; complete: boolean }> {
  // Whatever is configured, the patch is in git's own form, and no program of the repository's choice is run.
  const plain = ['--no-color', '--no-ext-diff', '--no-textconv', '--no-renames', '--submodule=short', '--unified=3'];
  const prefixes = ['--src-prefix=a/', '--dst-prefix=b/', '--inter-hunk-context=0'];
  try {
    const args = ['-c', 'diff.relative=false', '--literal-pathspecs', 'diff', ...plain, ...prefixes, ...what];
    return { text: await git(top, args, limit, { GIT_DIFF_OPTS: '', ...env }), complete: true };
  } catch (error) {
    const told = error as { code?: unknown; stdout?: unknown };
    if (told.code !== 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER' || typeof told.stdout !== 'string') throw error;
    return { text: told.stdout, complete: false };
  }
}

/** Untracked files of the whole repository: patches that add those that are text and fit, and the names of the others. */
async function untracked(top: string, limit: number): Promise<{ added: string[]; named: string[] }> {
  const list = async (...more: string[]) => {
    const listed = await git(top, ['ls-files', '--others', '--exclude-standard', '-z', ...more]);
    return listed.split('\0').filter((name) => name !== '');
  };
  // A folder with nothing in it that is tracked is one name.
  const shown = await list('--directory', '--no-empty-directory');
  const names = await list().catch(() => []);
  const kept = names.length > untrackedFiles ? [] : await smallTexts(top, names, limit);
  const added = await additions(top, kept).catch(() => []);
  const inPatch = new Set(added.length > 0 ? kept : []);
  const named = shown.flatMap((name) => {
    const below = names.filter((one) => one === name || (name.endsWith('/') && one.startsWith(name)));
    return below.some((one) => inPatch.has(one)) ? below.filter((one) => !inPatch.has(one)) : [name];
  });
  return { added, named: named.map(shownName) };
}

/** Names are read as bytes, and written so into the patch: a line break in one must not end the note. */
function shownName(name: string): string {
  return name.replace(/[\r\n]/g, '?');
}

/** As many text files as are not larger than the limit together, the smallest first; in the order of `names`. */
async function smallTexts(top: string, names: readonly string[], limit: number): Promise<string[]> {
  const sizes = await Promise.all(
    names.map(async (name) => {
      const stat = await lstat(pathOf(top, name)).catch(() => undefined);
      return { name, size: stat?.isFile() ? stat.size : Infinity };
    }),
  );
  const taken = new Set<string>();
  let left = limit;
  for (const { name, size } of sizes.sort((a, b) => a.size - b.size)) {
    if (size > left) break;
    if (!(await isText(pathOf(top, name)))) continue;
    taken.add(name);
    left -= size;
  }
  return names.filter((name) => taken.has(name));
}

/** The path behind a name that was read as bytes. */
function pathOf(top: string, name: string): string {
  return join(top, Buffer.from(name, 'latin1').toString('utf8'));
}

/** By the same mark as git: a binary file has a zero among its first bytes. */
async function isText(path: string): Promise<boolean> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (!handle) return false;
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(8000), 0, 8000, 0);
    return !buffer.subarray(0, bytesRead).includes(0);
  } finally {
    await handle.close();
  }
}

/** Patches that make untracked files. The index that would know of them is a copy: the user's own is left alone. */
async function additions(top: string, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const paths = names.map((name) => Buffer.from(name, 'latin1').toString('utf8'));
  const place = await mkdtemp(join(tmpdir(), 'sat-index-'));
  try {
    const index = join(place, 'index');
    const own = (await git(top, ['rev-parse', '--git-path', 'index'])).replace(/\n$/, '');
    await copyFile(resolve(top, own), index);
    const env = { GIT_INDEX_FILE: index };
    await git(top, ['--literal-pathspecs', 'add', '--intent-to-add', '--', ...paths], undefined, env);
    // Each line has a sign before it, and each file a few lines of its own.
    const { text, complete } = await changes(top, ['--', ...paths], 4 * patchLimit, env);
    return complete ? filesIn(text) : [];
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** Output as latin1, byte by byte: a patch of files in any encoding must come out as it is. */
async function git(cwd: string, args: string[], maxBuffer = 1 << 24, env: NodeJS.ProcessEnv = {}): Promise<string> {
  // Looking must not keep anybody else from working: git refreshes the index only where it can do without a lock.
  const environment = { ...process.env, GIT_OPTIONAL_LOCKS: '0', ...env };
  const options = { cwd, encoding: 'latin1' as const, maxBuffer, env: environment };
  return (await promisify(execFile)('git', args, options)).stdout;
}
