import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { decodeImage, resizeAndCrop } from '../../formats/image';
import type { DataOptions } from '../../protocol/data';
import { Problem, messageOf } from '../problem';
import { requireRoot } from './dataFile';
import { layouts, listImages, type LabelledFile } from './imageList';
import { streamImages, type Images } from './streamedImages';
import type { DataPlaces, DataSetSource, FileFinding, Split } from './types';

/** Decoded images of a split that take more bytes than this stay in their file (Node.js 20 has arrays up to 4 GiB). */
export const memoryLimit = 2 ** 31;

const whereToGet = 'the images are your own';

/** Images in files of their own: folders by class, or lists. */
export const imageFolder: DataSetSource<DataOptions<'image-folder'>> = {
  whereToGet,
  async load(places, options) {
    const root = requireRoot('image-folder', places, `${layouts}.`);
    const { classNames, train, test } = listImages(root, options);
    return {
      name: 'image-folder',
      classNames,
      shape: [options.size, options.size, 3],
      pixelScale: 255,
      // ImageNet's, which the authors also use for Dogs vs. Cats (facts 1.10).
      normalization: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
      train: await loadSplit(train, options, places),
      test: await loadSplit(test, options, places),
    };
  },
  async check(places, options) {
    const { root } = places;
    if (root === undefined) return [];
    try {
      const { train, test } = listImages(root, options);
      return [
        await checkSplit('training', root, train, options, places),
        await checkSplit('test', root, test, options, places),
      ];
    } catch (error) {
      return [{ file: root, status: 'missing', message: messageOf(error) }];
    }
  },
};

async function loadSplit(
  files: readonly LabelledFile[],
  { size }: Pick<DataOptions<'image-folder'>, 'size'>,
  places: DataPlaces,
): Promise<Split> {
  const cached = await decodeOnce(files, size, places);
  const labels = Int32Array.from(files, ({ label }) => label);
  return { images: await readImages(cached, size), labels };
}

/** Decoded images: in memory where they fit, else as a stream. @param limit in bytes */
export async function readImages(file: string, size: number, limit = memoryLimit): Promise<Images> {
  const isSmall = statSync(file).size <= limit;
  return isSmall ? new Uint8Array(await readFile(file)) : streamImages(file, size * size * 3);
}

/** Looks at all images of a split, as one finding. Never throws. */
async function checkSplit(
  name: string,
  root: string,
  files: readonly LabelledFile[],
  { size }: Pick<DataOptions<'image-folder'>, 'size'>,
  places: DataPlaces,
): Promise<FileFinding> {
  try {
    const bytes = files.reduce((sum, { file }) => sum + statSync(file).size, 0);
    await decodeOnce(files, size, places);
    const classes = new Set(files.map(({ label }) => label)).size;
    const message = `${files.length.toLocaleString('en')} ${name} images of ${classes} classes`;
    return { file: root, size: bytes, status: 'ok', message };
  } catch (error) {
    return { file: root, status: 'damaged', message: messageOf(error) };
  }
}

/**
 * Decodes, resizes and cuts images once: the bytes [n, size, size, 3] are kept in the user's cache folder under a name
 * that follows from the images' paths, sizes and times, so that a change of any of them makes a new file.
 * @returns the file with the bytes
 * @throws Problem that names a damaged image, or the cache folder when it cannot be written
 */
async function decodeOnce(files: readonly LabelledFile[], size: number, { tell }: DataPlaces): Promise<string> {
  const folder = join(cacheFolder(), 'images');
  const made = join(folder, `${fingerprint(files, size)}.bin`);
  const expected = files.length * size * size * 3;
  if (existsSync(made) && statSync(made).size === expected) return made;
  const count = files.length.toLocaleString('en');
  tell?.(`Decoding ${count} images once, to ${size}×${size}; they are kept in ${made}.`);
  const temporary = `${made}.${process.pid}.tmp`;
  try {
    mkdirSync(folder, { recursive: true });
    const handle = await open(temporary, 'w');
    try {
      for (const { file } of files) await handle.write(await decodeFile(file, size));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, made);
    return made;
  } catch (error) {
    // Where the folder itself is wrong there is nothing to take away.
    await rm(temporary, { force: true }).catch(() => {});
    if (error instanceof Problem) throw error;
    throw new Problem(
      `The decoded images (${expected.toLocaleString('en')} bytes) could not be written to ${folder}: ${messageOf(error)}. Free some space, lower data.size, or set SAT_CACHE to a folder on another disk.`,
    );
  }
}

async function decodeFile(file: string, size: number): Promise<Uint8Array> {
  try {
    return resizeAndCrop(decodeImage(await readFile(file), file), size);
  } catch (error) {
    throw new Problem(messageOf(error));
  }
}

function fingerprint(files: readonly LabelledFile[], size: number): string {
  const hash = createHash('sha256').update(`1 ${size}\n`);
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
