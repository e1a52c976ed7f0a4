import { decodeMat } from '../../formats/mat';
import { checkDataFile, readDataFile, requireLabels, requireRoot, type DataFile } from './dataFile';
import type { DataSetSource, Split } from './types';

const side = 32;
const channels = 3;
const whereToGet = '`sat data download svhn` gets them, or take them from ufldl.stanford.edu/housenumbers';
const advice = `Put train_32x32.mat and test_32x32.mat (format 2, cropped digits) into one folder and set data.root (or --root) to it; ${whereToGet}.`;

/** X: bytes [32, 32, 3, n], y: digits, 10 for a zero; both column-major. */
function decode(bytes: Uint8Array, file: string): Split {
  const arrays = decodeMat(bytes, file);
  const [images, digits] = [arrays.get('X'), arrays.get('y')];
  const [height, width, depth, count = 1] = images?.shape ?? [];
  const isImages = height === side && width === side && depth === channels;
  if (!digits || !isImages || !(images?.data instanceof Uint8Array)) {
    throw new Error(
      `${file} holds no bytes X [32, 32, 3, n] and digits y. Is it another file of SVHN? Get the cropped digits (format 2).`,
    );
  }
  if (digits.data.length !== count) {
    throw new Error(`${file} has ${digits.data.length} labels for ${count} images. Get it again.`);
  }
  requireLabels(digits.data, 1, 10, file);
  return { images: rowMajor(images.data), labels: Int32Array.from(digits.data, (digit) => digit % 10) };
}

/** [h, w, c, n] column-major as [n, h, w, c] row-major: within an image h runs fastest, then w, then c. */
function rowMajor(columns: Uint8Array): Uint8Array {
  const pixels = new Uint8Array(columns.length);
  const positions = side * side;
  for (let image = 0; image < columns.length; image += positions * channels) {
    let from = image;
    for (let c = 0; c < channels; c += 1) {
      for (let x = 0; x < side; x += 1) {
        for (let y = 0; y < side; y += 1) pixels[image + (y * side + x) * channels + c] = columns[from++] ?? 0;
      }
    }
  }
  return pixels;
}

const fileOf = (split: 'train' | 'test'): DataFile<Split> => ({
  name: `${split}_32x32.mat`,
  decode,
  describe: ({ labels }) => `${labels.length.toLocaleString('en')} images with labels`,
});

/** Street View House Numbers, cropped digits (Netzer et al., 2011), without the extra images. */
export const svhn: DataSetSource = {
  whereToGet,
  published: [73_257, 26_032],
  async load(places) {
    const root = requireRoot('svhn', places, advice);
    return {
      name: 'svhn',
      classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
      shape: [side, side, channels],
      pixelScale: 255,
      // The authors' (facts 1.10).
      normalization: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
      train: await readDataFile(root, fileOf('train'), advice),
      test: await readDataFile(root, fileOf('test'), advice),
    };
  },
  async check({ root }) {
    if (root === undefined) return [];
    return [await checkDataFile(root, fileOf('train')), await checkDataFile(root, fileOf('test'))];
  },
};
