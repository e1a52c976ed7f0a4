import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { openPromise, type Entry, type ZipFile } from 'yauzl';
import { InstallProblem } from './problem';

interface UnpackOptions {
  signal?: AbortSignal | undefined;
  /** Hears of each piece that was written, in bytes. */
  onBytes?: (count: number) => void;
}

/**
 * Unpacks members of a Python wheel, as streams: one may be a gigabyte. Each must have the checksum that the wheel's
 * RECORD gives.
 * @param place where to write a member, absolute; undefined leaves it out
 * @returns how many members were unpacked
 * @throws InstallProblem when the wheel is damaged; the file system's error when the disk is full
 */
export async function unpackWheel(
  wheel: string,
  place: (member: string) => string | undefined,
  options: UnpackOptions = {},
): Promise<number> {
  return reading(wheel, async (zip, entries) => {
    const checksums = parseRecord(await readText(zip, entries, /^[^/]+\.dist-info\/RECORD$/));
    let count = 0;
    for (const entry of entries) {
      const target = entry.fileName.endsWith('/') ? undefined : place(entry.fileName);
      if (target === undefined) continue;
      const checksum = await write(await zip.openReadStreamPromise(entry), target, modeOf(entry), options);
      if (checksum !== checksums.get(entry.fileName)) throw new Error(`${entry.fileName} has a wrong checksum`);
      count += 1;
    }
    return count;
  });
}

/** What a wheel requires for one of its extras, as pip takes it: "nvidia-nccl-cu12<3.0,>=2.27.7". */
export async function requirementsOf(wheel: string, extra: string): Promise<string[]> {
  const metadata = await reading(wheel, (zip, entries) => readText(zip, entries, /^[^/]+\.dist-info\/METADATA$/));
  const lines = [...metadata.matchAll(/^Requires-Dist: *([^;\r\n]+); *(.*?)\r?$/gm)];
  const wanted = new RegExp(`^\\(?extra *== *["']${extra}["']\\)?$`);
  return lines.flatMap(([, requirement = '', marker = '']) =>
    wanted.test(marker) ? [requirement.replace(/\s/g, '')] : [],
  );
}

async function reading<T>(wheel: string, use: (zip: ZipFile, entries: Entry[]) => Promise<T>): Promise<T> {
  let zip: ZipFile | undefined;
  try {
    zip = await openPromise(wheel, { autoClose: false });
    const entries: Entry[] = [];
    for await (const entry of zip.eachEntry()) entries.push(entry);
    return await use(zip, entries);
  } catch (error) {
    if (!(error instanceof Error) || error.name === 'AbortError' || isFileSystemError(error)) throw error;
    throw new InstallProblem(
      `${basename(wheel)} is damaged (${error.message}). Try again, and it is downloaded anew; if that does not help, ` +
        'what stands between this machine and the package index (a proxy, a mirror) changes it.',
    );
  } finally {
    zip?.close();
  }
}

/** Errors of the file system have a system call; those of a damaged archive come from zlib or the reader. */
function isFileSystemError(error: Error): boolean {
  return 'syscall' in error;
}

async function readText(zip: ZipFile, entries: Entry[], name: RegExp): Promise<string> {
  const entry = entries.find(({ fileName }) => name.test(fileName));
  if (!entry) throw new Error(`it has no ${name.source.replace(/^.*\/|\$$/g, '')}`);
  return text(await zip.openReadStreamPromise(entry));
}

/** RECORD's lines are "path,sha256=BASE64URL,size"; a path with a comma is in quotes, and none that is needed has one. */
function parseRecord(record: string): Map<string, string> {
  return new Map([...record.matchAll(/^([^",\r\n]+),sha256=([\w-]+)/gm)].map(([, path = '', sum = '']) => [path, sum]));
}

async function write(source: Readable, target: string, mode: number, { signal, onBytes }: UnpackOptions) {
  const hash = createHash('sha256');
  await mkdir(dirname(target), { recursive: true });
  const file = await open(target, 'w', mode);
  try {
    for await (const piece of source as AsyncIterable<Buffer>) {
      signal?.throwIfAborted();
      hash.update(piece);
      // Unlike write, this leaves nothing unwritten when the disk takes only a part.
      await file.writeFile(piece);
      onBytes?.(piece.length);
    }
    // current.json must not outlive, in a power cut, what it stands for.
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest('base64url');
}

/** Programs stay executable. The upper half of the attributes is the Unix mode. */
function modeOf({ externalFileAttributes }: Entry): number {
  return ((externalFileAttributes >>> 16) & 0o111) === 0 ? 0o644 : 0o755;
}
