import { join } from 'node:path';
import { checkIdxFiles, readIdxSplit } from './idxFiles';
import type { DataSetSource } from './types';

const format = { size: [8, 8], classes: 10 } as const;
const whereToGet = 'they come with SAT Lab: install it again';

/** Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, 1998; CC BY 4.0), as scikit-learn ships it. */
export const digits: DataSetSource = {
  whereToGet,
  published: [1437, 360],
  async load({ mediaFolder }) {
    const folder = join(mediaFolder, 'digits');
    return {
      name: 'digits',
      classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
      shape: [8, 8, 1],
      pixelScale: 16,
      normalization: { mean: [0], std: [1] },
      train: await readIdxSplit(folder, 'train', format, whereToGet),
      test: await readIdxSplit(folder, 'test', format, whereToGet),
    };
  },
  check: ({ mediaFolder }) => checkIdxFiles(join(mediaFolder, 'digits'), format),
};
