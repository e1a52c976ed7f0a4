import { join } from 'node:path';
import { readIdxSplit } from './idxFiles';
import type { DataPlaces, DataSet } from './types';

/** Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, 1998; CC BY 4.0), as scikit-learn ships it. */
export async function digits({ mediaFolder }: DataPlaces): Promise<DataSet> {
  const folder = join(mediaFolder, 'digits');
  return {
    name: 'digits',
    classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    shape: [8, 8, 1],
    pixelScale: 16,
    normalization: { mean: [0], std: [1] },
    train: await readIdxSplit(folder, 'train', [8, 8], 10),
    test: await readIdxSplit(folder, 'test', [8, 8], 10),
  };
}
