import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeIdx } from '../../formats/idx';
import { Problem } from '../problem';
import type { Split } from './types';

const parts = {
  train: { images: 'train-images', labels: 'train-labels' },
  test: { images: 't10k-images', labels: 't10k-labels' },
} as const;

/** The names under which one of MNIST's four files is found on people's disks. */
function candidates(stem: string, dimensions: number): string[] {
  return ['-', '.'].flatMap((separator) => ['', '.gz'].map((end) => `${stem}${separator}idx${dimensions}-ubyte${end}`));
}

/** @throws Problem that names the folder, the expected file and what to do */
function find(folder: string, stem: string, dimensions: number): string {
  const names = candidates(stem, dimensions);
  const found = names.map((name) => join(folder, name)).find((file) => existsSync(file) && statSync(file).isFile());
  if (found) return found;
  throw new Problem(
    `${names[0]} (or .gz) was not found in ${folder}. Put the data set’s four files there, or set data.root to their folder.`,
  );
}

/** Whether a folder holds the first of the four files. */
export function hasIdxFiles(folder: string): boolean {
  return candidates(parts.train.images, 3).some((name) => existsSync(join(folder, name)));
}

/**
 * Reads one split of a data set in MNIST's format.
 * @param size [height, width] that the images must have @param classes labels must be below
 * @throws Problem or Error that names the file and what is wrong with it
 */
export async function readIdxSplit(
  folder: string,
  split: keyof typeof parts,
  size: readonly [number, number],
  classes: number,
): Promise<Split> {
  const imageFile = find(folder, parts[split].images, 3);
  const labelFile = find(folder, parts[split].labels, 1);
  const images = decodeIdx(await readFile(imageFile), 3, imageFile);
  const labels = decodeIdx(await readFile(labelFile), 1, labelFile);
  const [count, height, width] = images.shape;
  if (height !== size[0] || width !== size[1]) {
    throw new Problem(`${imageFile}: the images are ${height} × ${width}, expected ${size[0]} × ${size[1]}.`);
  }
  if (count !== labels.shape[0]) {
    throw new Problem(`${labelFile} has ${labels.shape[0]} labels for the ${count} images of ${imageFile}.`);
  }
  const wrong = labels.data.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw new Problem(`${labelFile}: label ${labels.data[wrong]} at ${wrong}, expected 0 to ${classes - 1}.`);
  }
  return { images: images.data, labels: Int32Array.from(labels.data) };
}
