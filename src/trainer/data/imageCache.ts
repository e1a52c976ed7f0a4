import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { open, readFile, rename, rm, truncate } from 'node:fs/promises';
import { homedir, hostname, uptime } from 'node:os';
import { join, resolve } from 'node:path';
import { messageOf } from '../../protocol/errors';
import { decodeImage, resizeAndCrop } from '../../formats/image';
import { isStopped } from '../breathe';
import { Problem } from '../problem';
import type { LabelledFile } from './imageList';
import type { DataPlaces } from './types';

/** Raised when other bytes are made of the same file. */
const decoder = 3;

/** Milliseconds between two words on how far it is. */
const tellEvery = 10_000;

/**
 * How many damaged images are looked for. libjpeg-turbo, as it is built, cannot clean up after an error, and hangs after
 * some 220 of them in one process.
 */
const mostDamaged = 50;

/** For how many milliseconds a part that nobody goes on with is kept. */
const keptFor = 7 * 24 * 3600 * 1000;

/**
 * Decodes, resizes and cuts images once: the bytes [n, size, size, 3] are kept in the user's cache folder under a name
 * that follows from the images' paths, sizes and times, so that a change of any of them makes a new file. What a stopped
 * or killed process has decoded is not decoded again.
 * @returns the file with the bytes
 * @throws Problem that names all damaged images, or the cache folder when it cannot be written; whatever `pause` throws
 */
export async function decodeOnce(
  files: readonly LabelledFile[],
  size: number,
  { tell, pause }: Pick<DataPlaces, 'tell' | 'pause'>,
): Promise<string> {
  const folder = join(cacheFolder(), 'images');
  const name = `${fingerprint(files, size)}.bin`;
  const [made, part] = [join(folder, name), join(folder, partName(name))];
  const imageBytes = size * size * 3;
  const expected = files.length * imageBytes;
  if (existsSync(made) && statSync(made).size === expected) return made;
  try {
    mkdirSync(folder, { recursive: true });
    const before = await takeOver(folder, name, imageBytes);
    const inWords = (count: number) => count.toLocaleString('en');
    const earlier = before > 0 ? ` ${inWords(before)} of them are there from an earlier try.` : '';
    tell?.(`Decoding ${inWords(files.length)} images once, to ${size}×${size}; they are kept in ${made}.${earlier}`);
    const handle = await open(part, 'a');
    try {
      const began = performance.now();
      let told = began;
      const damaged: Damaged[] = [];
      for (let done = before; done < files.length && damaged.length < mostDamaged; done += 1) {
        await pause?.();
        const image = await decodeFile(files[done]?.file ?? '', size);
        if ('message' in image) damaged.push(image);
        // A part that is gone on with must have no gap.
        else if (damaged.length === 0) await handle.writeFile(image);
        const now = performance.now();
        if (now - told < tellEvery) continue;
        told = now;
        const left = ((now - began) * (files.length - done - 1)) / (done + 1 - before);
        tell?.(`${inWords(done + 1)} of ${inWords(files.length)} images are decoded, ${inMinutes(left)} left.`);
      }
      if (damaged.length > 0) throw problemOf(damaged);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, made);
    return made;
  } catch (error) {
    // The next try goes on from the part.
    if (isStopped(error)) throw error;
    // Where the folder itself is wrong there is nothing to take away.
    await rm(part, { force: true }).catch(() => {});
    if (error instanceof Problem) throw error;
    throw new Problem(
      `The decoded images (${expected.toLocaleString('en')} bytes) could not be written to ${folder}: ${messageOf(error)}. Free some space, lower data.size, or set SAT_CACHE to a folder on another disk.`,
    );
  }
}

function inMinutes(milliseconds: number): string {
  return milliseconds < 60_000 ? 'less than 1 min' : `about ${Math.ceil(milliseconds / 60_000)} min`;
}

/** Only a process of the same host can tell whether another one still writes, so the name says whose part it is. */
function partName(name: string): string {
  return `${name}.${host()}.${process.pid}.tmp`;
}

function host(): string {
  return hostname().replaceAll(/[^\w-]/g, '_');
}

/**
 * Makes the longest part that a process which is gone has left of a file this process's own, whole images only, and
 * removes the other ones, and what has been left of other files for long.
 * @returns how many images are in the part
 */
async function takeOver(folder: string, name: string, imageBytes: number): Promise<number> {
  const left = leftParts(folder);
  // What was not yet on the disk when the machine went down may read as zeros.
  const booted = Date.now() - uptime() * 1000;
  const [longest, ...others] = left
    .filter((part) => part.name === name && part.time > booted)
    .sort((a, b) => b.size - a.size);
  const useless = left.filter((part) => (part.name === name ? part.time <= booted : part.time < Date.now() - keptFor));
  for (const { file } of [...others, ...useless]) await rm(file, { force: true });
  if (!longest) return 0;
  const own = join(folder, partName(name));
  try {
    await rename(longest.file, own);
  } catch {
    // Another process was faster.
    return 0;
  }
  const images = Math.floor(longest.size / imageBytes);
  await truncate(own, images * imageBytes);
  return images;
}

interface Part {
  file: string;
  /** Of the file that it is a part of. */
  name: string;
  size: number;
  /** When it was last written, in Unix milliseconds. */
  time: number;
}

/** Parts that no living process of this host writes. */
function leftParts(folder: string): Part[] {
  return readdirSync(folder).flatMap((entry) => {
    const [, name, of, pid] = /^([0-9a-f]+\.bin)\.(.+)\.(\d+)\.tmp$/.exec(entry) ?? [];
    if (name === undefined || of !== host() || isAnotherAlive(Number(pid))) return [];
    const file = join(folder, entry);
    const found = statSync(file, { throwIfNoEntry: false });
    return found ? [{ file, name, size: found.size, time: found.mtimeMs }] : [];
  });
}

function isAnotherAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process may not be asked, and lives.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** An image that could not be decoded, and why. */
interface Damaged {
  file: string;
  message: string;
}

async function decodeFile(file: string, size: number): Promise<Uint8Array | Damaged> {
  try {
    return resizeAndCrop(await decodeImage(await readFile(file), file), size);
  } catch (error) {
    return { file, message: messageOf(error) };
  }
}

/** One for all: when some of the images are replaced, all are decoded anew. */
function problemOf(damaged: readonly Damaged[]): Problem {
  const first = damaged[0]?.message ?? '';
  if (damaged.length === 1) return new Problem(first);
  const names = damaged.slice(0, 10).map(({ file }) => file);
  if (damaged.length > names.length) names.push(`and ${damaged.length - names.length} more`);
  const found = damaged.length < mostDamaged ? String(damaged.length) : `At least ${damaged.length}`;
  return new Problem(`${found} images cannot be read: ${names.join(', ')}. The first: ${first}`);
}

function fingerprint(files: readonly LabelledFile[], size: number): string {
  const hash = createHash('sha256').update(`${decoder} ${size}\n`);
  for (const { file } of files) {
    const { size: bytes, mtimeMs } = statSync(file);
    hash.update(`${resolve(file)}\0${bytes}\0${mtimeMs}\n`);
  }
  return hash.digest('hex').slice(0, 32);
}

/** Where what can be made again is kept: SAT_CACHE, or the user's usual folder for that. */
function cacheFolder(): string {
  const { SAT_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (SAT_CACHE) return resolve(SAT_CACHE);
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'sat-lab');
  if (process.platform === 'win32')
    return join(LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), 'sat-lab', 'cache');
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'sat-lab');
}
