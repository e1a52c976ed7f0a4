import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { DataOptions } from '../../protocol/data';
import { messageOf } from '../../protocol/errors';
import { requireRoot } from './dataFile';
import { decodeOnce } from './imageCache';
import { layouts, listImages, type LabelledFile } from './imageList';
import { missingClasses } from './prepare';
import { streamImages, type Images } from './streamedImages';
import type { DataPlaces, DataSetSource, FileFinding, Split } from './types';

/** Decoded images of a split that take more bytes than this stay in their file (Node.js 20 has arrays up to 4 GiB). */
export const memoryLimit = 2 ** 31;

const whereToGet = 'the images are your own';

/** Images in files of their own: folders by class, or lists. */
export const imageFolder: DataSetSource<DataOptions<'image-folder'>> = {
  whereToGet,
  async load(places, options) {
    const { train, test, ...about } = list(places, options);
    for (const message of missingClasses(about.classNames, labelsOf(train), options)) places.warn?.(message);
    return {
      ...about,
      train: await loadSplit(train, options, places),
      test: await loadSplit(test, options, places),
    };
  },
  outline(places, options) {
    const { train, test, ...about } = list(places, options);
    const split = (files: readonly LabelledFile[]): Split => ({
      images: outlineImages(files.length, options.size),
      labels: labelsOf(files),
    });
    return { ...about, train: split(train), test: split(test) };
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

function list(places: DataPlaces, options: DataOptions<'image-folder'>) {
  const { classNames, train, test } = listImages(
    requireRoot('image-folder', places, `${layouts}.`),
    options,
    places.warn,
  );
  return {
    name: 'image-folder',
    classNames,
    shape: [options.size, options.size, 3] as const,
    pixelScale: 255,
    // ImageNet's, which the authors also use for Dogs vs. Cats (facts 1.10).
    normalization: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    train,
    test,
  };
}

function labelsOf(files: readonly LabelledFile[]): Int32Array {
  return Int32Array.from(files, ({ label }) => label);
}

async function loadSplit(
  files: readonly LabelledFile[],
  { size }: Pick<DataOptions<'image-folder'>, 'size'>,
  places: DataPlaces,
): Promise<Split> {
  const cached = await decodeOnce(files, size, places);
  return { images: await readImages(cached, size), labels: labelsOf(files) };
}

const bytesOf = (size: number) => size * size * 3;

/** Of the kind that the images will be, without any pixel. */
function outlineImages(count: number, size: number): Images {
  if (count * bytesOf(size) <= memoryLimit) return new Uint8Array(0);
  const read = () => {
    throw new Error('The outline of a data set has no pixels.');
  };
  return { count, imageBytes: bytesOf(size), read };
}

/** Decoded images: in memory where they fit, else as a stream. @param limit in bytes */
export async function readImages(file: string, size: number, limit = memoryLimit): Promise<Images> {
  const isSmall = statSync(file).size <= limit;
  return isSmall ? new Uint8Array(await readFile(file)) : streamImages(file, bytesOf(size));
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
