import { Problem } from '../problem';
import { hasIdxFiles, readIdxSplit } from './idxFiles';
import type { DataPlaces, DataSet, Normalization } from './types';

interface Variant {
  classNames: readonly string[];
  normalization: Normalization;
  /** A folder where a Linux distribution's package puts the files, looked at when no data.root is given. */
  systemFolder?: string;
}

const variants = {
  mnist: {
    classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    normalization: { mean: [0.1307], std: [0.3081] },
  },
  'fashion-mnist': {
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
    systemFolder: '/usr/share/dataset-fashion-mnist',
  },
} satisfies Record<string, Variant>;

/** MNIST and Fashion-MNIST: four IDX files, gzip or raw, in data.root. @throws Problem when they are not there */
export async function mnist(name: keyof typeof variants, { root }: DataPlaces): Promise<DataSet> {
  const { classNames, normalization, systemFolder }: Variant = variants[name];
  const folder = root ?? (systemFolder && hasIdxFiles(systemFolder) ? systemFolder : undefined);
  if (folder === undefined) throw new Problem(`${name}: set data.root to the folder with the data set’s four files.`);
  return {
    name,
    classNames,
    shape: [28, 28, 1],
    pixelScale: 255,
    normalization,
    train: await readIdxSplit(folder, 'train', [28, 28], 10),
    test: await readIdxSplit(folder, 'test', [28, 28], 10),
  };
}
