import { statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../protocol/errors';
import { Problem } from '../problem';
import { checkDataFile, findFolder, isFile, readDataFile, requireLabels, requireRoot, type DataFile } from './dataFile';
import { streamImages, type StreamedImages } from './streamedImages';
import type { DataPlaces, DataSetSource, FileFinding, Split } from './types';

const side = 96;
const channels = 3;
const imageBytes = side * side * channels;
const whereToGet =
  '`sat data download stl10` gets them, or take stl10_binary.tar.gz from cs.stanford.edu/~acoates/stl10';
const advice = `Put the unpacked folder stl10_binary into a folder and set data.root (or --root) to it; ${whereToGet}.`;

type SplitName = 'train' | 'test';

const imagesFile = (split: SplitName): DataFile<Uint8Array> => ({
  name: `${split}_X.bin`,
  decode: (bytes, file) => {
    if (bytes.length === 0 || bytes.length % imageBytes !== 0) {
      throw new Error(
        `${file} has ${bytes.length.toLocaleString('en')} bytes, which are no whole images of ${imageBytes.toLocaleString('en')}. It is cut short or another data set’s file: get it again.`,
      );
    }
    const pixels = new Uint8Array(bytes);
    for (let at = 0; at < pixels.length; at += imageBytes) toPixels(pixels.subarray(at, at + imageBytes));
    return pixels;
  },
  describe: (pixels) => `${(pixels.length / imageBytes).toLocaleString('en')} images`,
});

const labelsFile = (split: SplitName): DataFile<Int32Array> => ({
  name: `${split}_y.bin`,
  decode: (bytes, file) => {
    requireLabels(bytes, 1, 10, file);
    return Int32Array.from(bytes, (label) => label - 1);
  },
  describe: ({ length }) => `${length.toLocaleString('en')} labels`,
});

/** Planes [c, w, h] (column-major images) as pixels [h, w, c], in place. */
function toPixels(image: Uint8Array): void {
  const planes = Uint8Array.from(image);
  let from = 0;
  for (let c = 0; c < channels; c += 1) {
    for (let x = 0; x < side; x += 1) {
      for (let y = 0; y < side; y += 1) image[(y * side + x) * channels + c] = planes[from++] ?? 0;
    }
  }
}

function find(root: string): string | undefined {
  return findFolder(root, ['', 'stl10_binary'], ['train_X.bin', 'train_y.bin', 'test_X.bin', 'test_y.bin']);
}

function folderOf(places: DataPlaces): string {
  const root = requireRoot('stl10', places, advice);
  const folder = find(root);
  if (folder === undefined) throw new Problem(`stl10: its files were not found in ${root}. ${advice}`);
  return folder;
}

async function readSplit(folder: string, split: SplitName): Promise<Split> {
  const images = await readDataFile(folder, imagesFile(split), advice);
  const labels = await readDataFile(folder, labelsFile(split), advice);
  const count = images.length / imageBytes;
  if (labels.length !== count) {
    const file = join(folder, labelsFile(split).name);
    throw new Problem(`${file} has ${labels.length} labels for ${count} images. Get both files from one source.`);
  }
  return { images, labels };
}

const unlabelledFile = 'unlabeled_X.bin';
const unlabelledCount = 100_000;

/**
 * STL-10's unlabelled split: 100,000 images, 2.8 GB, read from their file as they are needed.
 * @throws Problem when the file is cut short
 */
export function unlabelledImages(folder: string): StreamedImages {
  return streamImages(join(folder, unlabelledFile), imageBytes, toPixels);
}

/** Looks at the unlabelled images, which no training needs. Never throws. */
function checkUnlabelled(folder: string): FileFinding {
  const file = join(folder, unlabelledFile);
  if (!isFile(file)) {
    return { file, status: 'missing', message: 'the unlabelled images, which training does not need' };
  }
  const { size } = statSync(file);
  const inWords = (count: number) => `${count.toLocaleString('en')} unlabelled images`;
  try {
    const { count } = unlabelledImages(folder);
    if (count === unlabelledCount) return { file, size, status: 'ok', message: inWords(count) };
    const message = `${file} has ${inWords(count)}, where ${unlabelledCount.toLocaleString('en')} are published. Get it again.`;
    return { file, size, status: 'damaged', message };
  } catch (error) {
    return { file, size, status: 'damaged', message: messageOf(error) };
  }
}

/** STL-10 (Coates, Lee, Ng, 2011): its labelled images. */
export const stl10: DataSetSource = {
  whereToGet,
  published: [5000, 8000],
  async load(places) {
    const folder = folderOf(places);
    return {
      name: 'stl10',
      classNames: ['airplane', 'bird', 'car', 'cat', 'deer', 'dog', 'horse', 'monkey', 'ship', 'truck'],
      shape: [side, side, channels],
      pixelScale: 255,
      // The usual one, computed from the labelled training images; the authors' code has none for STL-10.
      normalization: { mean: [0.4467, 0.4398, 0.4066], std: [0.2603, 0.2566, 0.2713] },
      train: await readSplit(folder, 'train'),
      test: await readSplit(folder, 'test'),
    };
  },
  async check({ root }) {
    if (root === undefined) return [];
    const folder = find(root) ?? root;
    const findings = [];
    for (const split of ['train', 'test'] as const) {
      findings.push(await checkDataFile(folder, imagesFile(split)), await checkDataFile(folder, labelsFile(split)));
    }
    findings.push(checkUnlabelled(folder));
    return findings;
  },
};
