import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { configSchema } from '../protocol/config';
import { findFaults } from './faults';
import { mediaFolder } from './testing';

const root = mkdtempSync(join(tmpdir(), 'sat-faults-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Images whose content is none: they are not decoded. */
for (const name of ['train/cat', 'train/dog', 'val/cat', 'val/dog']) {
  mkdirSync(join(root, name), { recursive: true });
  for (const n of [1, 2, 3]) writeFileSync(join(root, name, `${n}.png`), '');
}
const pets = { name: 'image-folder', root, size: 16 };

const faults = (...configs: object[]) =>
  findFaults(
    configs.map((config) => configSchema.parse(config)),
    { mediaFolder },
  );

describe('the faults of configurations', () => {
  it('are none of what can run', async () => {
    const noise = { type: 'asymmetric', rate: 0.4, map: { 0: 1 } };
    expect(await faults({}, { data: { name: 'digits', noise } }, { data: { ...pets, noise } })).toEqual([]);
  });

  it.each([
    ['no folder', { name: 'cifar10' }, /^cifar10: data\.root is not set\./],
    ['a folder that is none', { name: 'svhn', root: '/nowhere' }, /^svhn: data\.root is \/nowhere, which is no folder/],
    ['a folder without the files', { name: 'cifar100', root }, /^cifar100: its files were not found in/],
    ['images without classes', { ...pets, root: join(root, 'train') }, /train was not found/],
  ])('name the data set whose files are the fault: %s', async (_what, data, message) => {
    const [found, ...others] = await faults({ data });
    expect(others).toEqual([]);
    expect(found?.dataSet).toBe(data.name);
    expect(found?.message).toMatch(message);
  });

  it.each([
    [
      'a noise without a map',
      { data: { name: 'digits', noise: { type: 'asymmetric', rate: 0.4 } } },
      /data\.noise\.map: missing/,
    ],
    [
      'a map of other classes',
      { data: { ...pets, noise: { type: 'asymmetric', rate: 1, map: { 0: 9 } } } },
      /no class 9/,
    ],
    [
      'labels of another set',
      { data: { name: 'digits', noise: { type: 'label_file', file: join(root, 'labels.txt') } } },
      /has 2 labels/,
    ],
    [
      'a file that is missing',
      { data: { name: 'digits', noise: { type: 'label_file', file: '/nowhere.npy' } } },
      /could not be read/,
    ],
    ['a model for larger images', { model: { name: 'vgg16-bn' } }, /vgg16-bn needs images of 32×32/],
    ['no images left', { data: { name: 'digits', limit: 1 } }, /only 1 training images are left/],
    ['a runtime that is not installed', { runtime: 'tensorflow' }, /TensorFlow runtime is not installed/],
    ['a device that is not there', { runtime: 'wasm', device: 'gpu' }, /embedded runtime has no GPU/],
  ])('are told without a data set where that is sound: %s', async (_what, config, message) => {
    writeFileSync(join(root, 'labels.txt'), '0\n1\n');
    const found = await faults({}, config);
    expect(found).toHaveLength(1);
    expect(found[0]?.message).toMatch(message);
    expect(found[0]).not.toHaveProperty('dataSet');
  });

  it('are told before any image is decoded, of noise on more images than fit in memory', async () => {
    const many = join(root, 'many');
    for (const name of ['train/cat', 'train/dog', 'val/cat', 'val/dog']) {
      mkdirSync(join(many, name), { recursive: true });
      for (let n = 0; n < 1400; n += 1) writeFileSync(join(many, name, `${n}.png`), '');
    }
    const told = (type: string, size = 512) =>
      faults({ data: { ...pets, root: many, size, noise: { type, rate: 0.4 } } });
    for (const type of ['Gaussian', 'shuffled_pixels', 'instance_dependent']) {
      const [found] = await told(type);
      expect(found?.message).toMatch(/noise .*needs the images in memory.* Lower data\.size/);
    }
    expect(await told('pair_flip')).toEqual([]);
    expect(await told('Gaussian', 256)).toEqual([]);
  });

  it('are told once, however many runs have them', async () => {
    const cells = [0, 1, 2].flatMap((seed) => [
      { seed, data: { name: 'cifar10', noise: { type: 'pair_flip', rate: 0.2 } } },
      { seed, model: { name: 'vgg16-bn' } },
    ]);
    expect((await faults(...cells)).map(({ dataSet }) => dataSet)).toEqual(['cifar10', undefined]);
  });
});
