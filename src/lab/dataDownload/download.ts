import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '../../protocol/errors';
import { formatBytes } from '../format';
import type { RemoteFile } from './sources';
import { unpack } from './unpack';

export interface DownloadProgress {
  /** The name of the file that comes. */
  file: string;
  /** In bytes, what was there from an earlier try included; `total` is 0 where the server does not tell. */
  done: number;
  total: number;
}

interface DownloadOptions {
  /** The folder for the files; made where there is none. */
  root: string;
  files: readonly RemoteFile[];
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
  /** Milliseconds before a connection that was cut is made again; twice that the next time, and so on. */
  pause?: number;
}

/** How often in a row a connection may fail without a single byte. */
const tries = 4;

/**
 * Downloads the files of a data set one after the other and unpacks archives. What has come stays in `NAME.part`, and the
 * next try, also of a later call, goes on from there where the server allows it. Files that are there are not loaded again.
 * @throws Error in words: what happened to which file, and what to do; AbortError when it was cancelled
 */
export async function downloadFiles(options: DownloadOptions): Promise<void> {
  const { root, files } = options;
  try {
    await mkdir(root, { recursive: true });
    for (const file of files) await fetchFile(file, options);
  } catch (error) {
    if (codeOf(error) === 'ENOSPC') throw new Error(`No space is left on the disk of ${root}. ${moreSpace}`);
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EROFS') {
      throw new Error(`${root} cannot be written (${codeOf(error)}). Say --root with a folder that can.`);
    }
    throw error;
  }
}

const moreSpace = 'Free some, then run the same command again: it goes on from there. Or say --root with another disk.';

async function fetchFile(remote: RemoteFile, options: DownloadOptions): Promise<void> {
  const target = join(options.root, basename(new URL(remote.url).pathname));
  const isThere = (await sizeOf(target)) > 0 && (await md5Of(target)) === remote.md5;
  if (!isThere) {
    const part = `${target}.part`;
    await fetchPart(remote.url, part, options);
    const found = await md5Of(part);
    if (found !== remote.md5) {
      await rm(part);
      throw new Error(
        `${remote.url}: what came has the checksum ${found}, expected ${remote.md5}: it was damaged on its way, or is another file. It is deleted; try again.`,
      );
    }
    await rename(part, target);
  }
  if (!target.endsWith('.tar.gz')) return;
  await unpack(target, options.root);
  await rm(target);
}

/** Loads what is missing of a file, however often the connection is cut as long as something comes. */
async function fetchPart(url: string, part: string, options: DownloadOptions): Promise<void> {
  const { pause = 1000, signal } = options;
  for (let failures = 0; ;) {
    const before = await sizeOf(part);
    try {
      await fetchOnce(url, part, options);
      return;
    } catch (error) {
      if (signal?.aborted || error instanceof Refusal || isFileSystemError(error)) throw error;
      const now = await sizeOf(part);
      failures = now > before ? 1 : failures + 1;
      if (failures >= tries) throw noConnection(url, now, error, options.root);
    }
    await wait(pause * 2 ** (failures - 1), undefined, { signal });
  }
}

/** What is no matter of the connection: trying again does not help. */
class Refusal extends Error {}

async function fetchOnce(url: string, part: string, { root, onProgress, signal }: DownloadOptions): Promise<void> {
  const have = await sizeOf(part);
  const response = await fetch(url, {
    headers: { 'accept-encoding': 'identity', ...(have > 0 ? { range: `bytes=${have}-` } : {}) },
    ...(signal ? { signal } : {}),
  });
  if (response.status === 416) {
    // What is there is the whole file, or too long for it: the checksum tells which, and starts anew.
    await response.body?.cancel();
    return;
  }
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    if (response.status >= 500 || response.status === 429) throw new Error(`the server says ${response.status}`);
    throw new Refusal(
      `${url}: the server says ${response.status} ${response.statusText}. The file may have moved: get it elsewhere and put it into ${root}.`,
    );
  }
  const continues = response.status === 206 && rangeStart(response) === have;
  if (response.status === 206 && !continues)
    throw new Refusal(`${url}: the server sent another part. Delete ${part} and try again.`);
  let done = continues ? have : 0;
  const length = Number(response.headers.get('content-length') ?? 0);
  const total = length > 0 ? done + length : 0;
  await requireSpace(root, total - have);
  const handle = await open(part, continues ? 'a' : 'w');
  try {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      await writeAll(handle, chunk);
      done += chunk.length;
      onProgress?.({ file: basename(part, '.part'), done, total });
    }
  } finally {
    await handle.close();
  }
  if (done < total) throw new Error('the connection was cut');
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten;
}

/** Where the part begins that the server sends. */
function rangeStart(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? NaN);
}

async function requireSpace(root: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(root);
  if (bavail * bsize >= bytes) return;
  throw new Refusal(
    `The disk of ${root} has ${formatBytes(bavail * bsize)} free, ${formatBytes(bytes)} are to come. ${moreSpace}`,
  );
}

function noConnection(url: string, have: number, error: unknown, root: string): Error {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const reason = codeOf(cause) ?? messageOf(cause);
  const from = have > 0 ? ` after ${formatBytes(have)}` : '';
  return new Error(
    `${url} could not be loaded${from} (${reason}). Check the network and run the same command again: it goes on from there. Or get the file elsewhere and put it into ${root}.`,
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Errors of the network have a code, too, but name no path or system call on files. */
function isFileSystemError(error: unknown): boolean {
  return ['ENOSPC', 'EACCES', 'EROFS', 'EISDIR', 'EDQUOT', 'EIO', 'ENOTDIR'].includes(codeOf(error) ?? '');
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

async function md5Of(file: string): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(file) as AsyncIterable<Uint8Array>) hash.update(chunk);
  return hash.digest('hex');
}
