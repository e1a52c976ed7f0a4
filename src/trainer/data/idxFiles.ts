import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../protocol/errors';
import { decodeIdx, type IdxArray } from '../../formats/idx';
import { Problem } from '../problem';
import { isFile } from './dataFile';
import type { FileFinding, Split } from './types';

/** What the four files of a data set in MNIST's format must hold. */
export interface IdxFormat {
  /** [height, width] of the images. */
  size: readonly [number, number];
  /** Labels are below it. */
  classes: number;
}

const stems = {
  train: { images: 'train-images', labels: 'train-labels' },
  test: { images: 't10k-images', labels: 't10k-labels' },
} as const;
type SplitName = keyof typeof stems;
type Content = 'images' | 'labels';

/** The names under which one of the four files is found on people's disks, the usual one first. */
function namesOf(split: SplitName, content: Content): [string, ...string[]] {
  const stem = stems[split][content];
  const kind = content === 'images' ? 'idx3-ubyte' : 'idx1-ubyte';
  return [`${stem}-${kind}`, `${stem}-${kind}.gz`, `${stem}.${kind}`, `${stem}.${kind}.gz`];
}

/** @returns the file's path, or undefined when it is there under none of its names */
function find(folder: string, split: SplitName, content: Content): string | undefined {
  return namesOf(split, content)
    .map((name) => join(folder, name))
    .find(isFile);
}

/** The usual names of all four files, for messages. */
const expectedNames = (['train', 'test'] as const)
  .flatMap((split) => (['images', 'labels'] as const).map((content) => namesOf(split, content)[0]))
  .join(', ');

/** Whether a folder holds the first of the four files. */
export function hasIdxFiles(folder: string): boolean {
  return find(folder, 'train', 'images') !== undefined;
}

/** What to do when the files are not there. @param whereToGet in words */
export function missingFilesAdvice(whereToGet: string): string {
  return `Put ${expectedNames} (each also as .gz) into one folder and set data.root (or --root) to it; ${whereToGet}.`;
}

/**
 * Reads one split of a data set in MNIST's format.
 * @param whereToGet the files, for the message when one is missing
 * @throws Problem that names the file, what is wrong with it and what to do
 */
export async function readIdxSplit(
  folder: string,
  split: SplitName,
  format: IdxFormat,
  whereToGet: string,
): Promise<Split> {
  const read = async (content: Content) => {
    const file = find(folder, split, content);
    if (file !== undefined) return { file, array: await readChecked(file, content, format) };
    const advice = missingFilesAdvice(whereToGet);
    throw new Problem(`${namesOf(split, content)[0]} was not found in ${folder}. ${advice}`);
  };
  const images = await read('images');
  const labels = await read('labels');
  const [imageCount, labelCount] = [images.array.shape[0], labels.array.shape[0]];
  if (imageCount !== labelCount) {
    throw new Problem(
      `${labels.file} has ${labelCount} labels for the ${imageCount} images of ${images.file}. Get both files from one source.`,
    );
  }
  return { images: images.array.data, labels: Int32Array.from(labels.array.data) };
}

/** Looks at each of the four files by itself. Never throws. */
export async function checkIdxFiles(folder: string, format: IdxFormat): Promise<FileFinding[]> {
  const findings: FileFinding[] = [];
  for (const split of ['train', 'test'] as const) {
    for (const content of ['images', 'labels'] as const) {
      findings.push(await checkFile(folder, split, content, format));
    }
  }
  return findings;
}

async function checkFile(folder: string, split: SplitName, content: Content, format: IdxFormat): Promise<FileFinding> {
  const names = namesOf(split, content);
  const file = find(folder, split, content);
  if (file === undefined) {
    return { file: join(folder, names[0]), status: 'missing', message: `looked for ${names.join(', ')}` };
  }
  const size = statSync(file).size;
  try {
    const { shape } = await readChecked(file, content, format);
    return { file, size, status: 'ok', message: `${shape.join(' × ')} ${content}` };
  } catch (error) {
    return { file, size, status: 'damaged', message: messageOf(error) };
  }
}

/** @throws Problem unless it is a whole file of images of the right size, or of labels in range */
async function readChecked(file: string, content: Content, { size, classes }: IdxFormat): Promise<IdxArray> {
  const array = await decode(file, content);
  if (content === 'images') {
    const [, height, width] = array.shape;
    if (height === size[0] && width === size[1]) return array;
    throw new Problem(
      `${file}: the images are ${height} × ${width}, expected ${size[0]} × ${size[1]}. Is it another data set’s file?`,
    );
  }
  const wrong = array.data.findIndex((label) => label >= classes);
  if (wrong < 0) return array;
  throw new Problem(
    `${file}: label ${array.data[wrong]} at ${wrong}, expected 0 to ${classes - 1}. Is it another data set’s file?`,
  );
}

async function decode(file: string, content: Content): Promise<IdxArray> {
  try {
    return decodeIdx(await readFile(file), content === 'images' ? 3 : 1, file);
  } catch (error) {
    throw new Problem(messageOf(error));
  }
}
