import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../protocol/errors';
import { Problem } from '../problem';
import type { DataPlaces, FileFinding } from './types';

/** One file of a data set: how it is called and how its bytes are read. */
export interface DataFile<Content> {
  /** Below the data set's folder. */
  name: string;
  /** @param file its path, for messages @throws Error that names the file, what is wrong with it and what to do */
  decode: (bytes: Uint8Array, file: string) => Content;
  /** What is in it, in a few words. */
  describe: (content: Content) => string;
}

/** The first of the folders below root (`''` for root itself) that holds one of the names; undefined when none does. */
export function findFolder(root: string, folders: readonly string[], names: readonly string[]): string | undefined {
  return folders.map((folder) => join(root, folder)).find((folder) => names.some((name) => isFile(join(folder, name))));
}

/** The folder that data.root names. @throws Problem when it is not set, or is no folder */
export function requireRoot(name: string, { root }: DataPlaces, advice: string): string {
  if (root === undefined) throw new Problem(`${name}: data.root is not set. ${advice}`);
  if (existsSync(root) && statSync(root).isDirectory()) return root;
  throw new Problem(`${name}: data.root is ${root}, which is no folder. ${advice}`);
}

/** @param advice what to do when the file is not there @throws Problem that names the file, what is wrong and what to do */
export async function readDataFile<Content>(
  folder: string,
  { name, decode }: Pick<DataFile<Content>, 'name' | 'decode'>,
  advice: string,
): Promise<Content> {
  const file = join(folder, name);
  if (!isFile(file)) throw new Problem(`${name} was not found in ${folder}. ${advice}`);
  try {
    return decode(await readFile(file), file);
  } catch (error) {
    throw new Problem(messageOf(error));
  }
}

/** Looks at one file by itself. Never throws. */
export async function checkDataFile<Content>(folder: string, dataFile: DataFile<Content>): Promise<FileFinding> {
  const file = join(folder, dataFile.name);
  if (!isFile(file)) return { file, status: 'missing', message: `looked for ${dataFile.name} in ${folder}` };
  const { size } = statSync(file);
  try {
    const message = dataFile.describe(await readDataFile(folder, dataFile, ''));
    return { file, size, status: 'ok', message };
  } catch (error) {
    return { file, size, status: 'damaged', message: messageOf(error) };
  }
}

export function isFile(path: string): boolean {
  // Looked for first: a file where a folder should be is an error to statSync alone.
  return existsSync(path) && statSync(path).isFile();
}

/** @throws Error that names the first label out of range */
export function requireLabels(labels: ArrayLike<number>, from: number, to: number, file: string): void {
  const wrong = Array.prototype.findIndex.call(labels, (label: number) => !(label >= from && label <= to));
  if (wrong < 0) return;
  throw new Error(
    `${file}: label ${labels[wrong]} at ${wrong}, expected ${from} to ${to}. Is it another data set’s file? If not, get it again.`,
  );
}

/** Planes [n, c, h, w] as pixels [n, h, w, c]. @param positions h·w */
export function planesToPixels(planes: Uint8Array, channels: number, positions: number): Uint8Array {
  const pixels = new Uint8Array(planes.length);
  const size = channels * positions;
  for (let image = 0; image < planes.length; image += size) {
    for (let c = 0; c < channels; c += 1) {
      const plane = image + c * positions;
      for (let i = 0; i < positions; i += 1) pixels[image + i * channels + c] = planes[plane + i] ?? 0;
    }
  }
  return pixels;
}
