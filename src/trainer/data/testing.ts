import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { DataSetName } from '../../protocol/data';
import { checkDataSet, loadDataSet } from './registry';
import { inMemory, type Images } from './streamedImages';
import type { DataPlaces } from './types';

const mediaFolder = join(__dirname, '../../../media');

/** A folder for the files of a data set, and what to do with it. */
export function dataFolder(name: DataSetName) {
  const root = mkdtempSync(join(tmpdir(), `${name}-`));
  const places: DataPlaces = { root, mediaFolder };
  return {
    root,
    write: (file: string, bytes: Uint8Array | string): void => {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), bytes);
    },
    remove: (file: string) => rmSync(join(root, file), { recursive: true }),
    empty: (): void => {
      rmSync(root, { recursive: true, force: true });
      mkdirSync(root);
    },
    load: () => loadDataSet(name, places),
    check: () => checkDataSet(name, places),
    /** Loading fails with one Problem that holds the words and names the folder; a check says the same. */
    refuses: async (words: string): Promise<void> => {
      const loading = loadDataSet(name, places);
      await expect(loading).rejects.toMatchObject({
        name: 'Problem',
        message: expect.stringContaining(words) as string,
      });
      await expect(loading).rejects.toThrow(root);
      expect(await checkDataSet(name, places)).toMatchObject({
        ok: false,
        message: expect.stringContaining(words) as string,
      });
    },
  };
}

export function bytesOf(images: Images): Uint8Array {
  return inMemory(images, 'a test');
}
