import { Problem } from '../problem';
import { checkIdxFiles, hasIdxFiles, missingFilesAdvice, readIdxSplit } from './idxFiles';
import type { DataPlaces, DataSetSource, Normalization } from './types';

const format = { size: [28, 28], classes: 10 } as const;

interface Variant {
  name: string;
  classNames: readonly string[];
  /** The usual one, computed from the training pixels. */
  normalization: Normalization;
  whereToGet: string;
  /** A folder where a Linux distribution's package puts the files, looked at when no data.root is given. */
  systemFolder?: string;
}

/** A data set of four IDX files in data.root, gzip or raw. */
function idxDataSet({ name, classNames, normalization, whereToGet, systemFolder }: Variant): DataSetSource {
  const folderOf = ({ root }: DataPlaces): string | undefined =>
    root ?? (systemFolder !== undefined && hasIdxFiles(systemFolder) ? systemFolder : undefined);
  return {
    whereToGet,
    published: [60_000, 10_000],
    async load(places) {
      const folder = folderOf(places);
      if (folder === undefined) {
        const looked = systemFolder === undefined ? '' : ` and its files are not in ${systemFolder}`;
        throw new Problem(`${name}: data.root is not set${looked}. ${missingFilesAdvice(whereToGet)}`);
      }
      return {
        name,
        classNames,
        shape: [28, 28, 1],
        pixelScale: 255,
        normalization,
        train: await readIdxSplit(folder, 'train', format, whereToGet),
        test: await readIdxSplit(folder, 'test', format, whereToGet),
      };
    },
    async check(places) {
      const folder = folderOf(places);
      return folder === undefined ? [] : checkIdxFiles(folder, format);
    },
  };
}

/** Handwritten digits (LeCun, Cortes, Burges). */
export const mnist = idxDataSet({
  name: 'mnist',
  classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  normalization: { mean: [0.1307], std: [0.3081] },
  whereToGet:
    '`sat data download mnist` gets them; they are MNIST’s own, which most machine learning packages also download (torchvision: MNIST/raw)',
});

/** Pictures of clothes (Xiao, Rasul, Vollgraf, 2017; MIT licence). */
export const fashionMnist = idxDataSet({
  name: 'fashion-mnist',
  classNames: [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ],
  normalization: { mean: [0.286], std: [0.353] },
  whereToGet:
    'on Debian and Ubuntu `apt install dataset-fashion-mnist` puts them where they are found by themselves, `sat data download fashion-mnist` gets them elsewhere',
  // Where Debian's package dataset-fashion-mnist installs them.
  systemFolder: '/usr/share/datasets/fashion-mnist',
});
