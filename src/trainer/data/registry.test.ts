import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { decodeSafetensors } from '../../formats/safetensors';
import { hasIdxFiles } from './idxFiles';
import { checkAllDataSets, checkDataSet, describeDataSets, loadDataSet } from './registry';
import { bytesOf } from './testing';

const project = join(__dirname, '../../..');
const mediaFolder = join(project, 'media');
const root = mkdtempSync(join(tmpdir(), 'data-'));
afterAll(() => rmSync(root, { recursive: true }));

/** An IDX file of bytes. */
function idx(shape: number[], byteAt: (i: number) => number): Uint8Array {
  const size = shape.reduce((product, n) => product * n, 1);
  const file = new Uint8Array(4 + 4 * shape.length + size);
  const view = new DataView(file.buffer);
  view.setUint32(0, 0x0800 + shape.length);
  shape.forEach((n, i) => view.setUint32(4 + 4 * i, n));
  for (let i = 0; i < size; i += 1) file[file.length - size + i] = byteAt(i) % 256;
  return file;
}

const images = (n: number) => idx([n, 28, 28], (i) => i);
const labels = (n: number) => idx([n], (i) => i % 10);
const emptyRoot = () => {
  rmSync(root, { recursive: true });
  mkdirSync(root);
};
const write = (name: string, bytes: Uint8Array) => writeFileSync(join(root, name), bytes);

describe('digits', () => {
  it('are the authors’ fixture’s, byte for byte', async () => {
    const { train, test, shape, pixelScale } = await loadDataSet('digits', { mediaFolder });
    const file = join(project, 'test/parity/digits.safetensors');
    const { tensors } = decodeSafetensors(readFileSync(file), file);
    expect([...train.labels, ...test.labels]).toEqual(Array.from(tensors.get('labels')?.data ?? [], Number));
    const pixels = Float32Array.from([...bytesOf(train.images), ...bytesOf(test.images)], (byte) => byte / pixelScale);
    expect(pixels).toEqual(tensors.get('images')?.data);
    expect([train.labels.length, test.labels.length, ...shape]).toEqual([1437, 360, 8, 8, 1]);
  });

  it('come with their attribution', () => {
    const licence = readFileSync(join(mediaFolder, 'digits/LICENSE.md'), 'utf8');
    for (const part of ['E. Alpaydin and C. Kaynak', 'doi:10.24432/C50P49', 'CC BY 4.0']) {
      expect(licence).toContain(part);
    }
  });
});

describe('mnist', () => {
  beforeEach(() => {
    emptyRoot();
    // Each under another of the names that are found on disks.
    write('train-images-idx3-ubyte', images(20));
    write('train-labels.idx1-ubyte', labels(20));
    write('t10k-images-idx3-ubyte.gz', gzipSync(images(10)));
    write('t10k-labels.idx1-ubyte.gz', gzipSync(labels(10)));
  });

  it('reads four files, whatever their usual name and gzip or not', async () => {
    const { train, test, ...about } = await loadDataSet('mnist', { root, mediaFolder });
    expect(about).toMatchObject({
      shape: [28, 28, 1],
      pixelScale: 255,
      normalization: { mean: [0.1307], std: [0.3081] },
    });
    expect(train.images).toHaveLength(20 * 784);
    expect(bytesOf(train.images).subarray(254, 258)).toEqual(Uint8Array.of(254, 255, 0, 1));
    expect([...test.labels]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('is ready when it is whole', async () => {
    write('train-images-idx3-ubyte', images(60_000));
    write('train-labels.idx1-ubyte', labels(60_000));
    write('t10k-images-idx3-ubyte.gz', gzipSync(images(10_000), { level: 1 }));
    write('t10k-labels.idx1-ubyte.gz', gzipSync(labels(10_000)));
    const check = await checkDataSet('mnist', { root, mediaFolder });
    expect(check).toMatchObject({ ok: true, message: '60,000 training and 10,000 test images, 28×28×1, 10 classes' });
  });

  it('is not taken for the published one when it is not whole, and trains with a warning', async () => {
    const warn = vi.fn();
    const { train } = await loadDataSet('mnist', { root, mediaFolder, warn });
    expect(train.labels).toHaveLength(20);
    const words = `mnist in ${root} has 20 training and 10 test images, where 60,000 training and 10,000 test are published: it is cut short, or another data set. Get it again; \`sat data download mnist\``;
    expect(warn.mock.calls).toEqual([[expect.stringContaining(words)]]);
    const check = await checkDataSet('mnist', { root, mediaFolder });
    expect(check).toMatchObject({ ok: false, message: expect.stringContaining(words) as string });
    expect(check.files).toHaveLength(4);
    expect(check.files[0]).toEqual({
      file: join(root, 'train-images-idx3-ubyte'),
      size: 16 + 20 * 784,
      status: 'ok',
      message: '20 × 28 × 28 images',
    });
  });

  it.each<[string, string, Uint8Array | undefined, string]>([
    ['a missing file', 'train-labels.idx1-ubyte', undefined, 'train-labels-idx1-ubyte was not found in'],
    ['labels in place of images', 'train-images-idx3-ubyte', labels(20), 'it should begin with 0x00000803'],
    ['other images', 'train-images-idx3-ubyte', idx([20, 32, 32], () => 0), '32 × 32, expected 28 × 28'],
    ['a label out of range', 'train-labels.idx1-ubyte', idx([20], (i) => i), 'label 10 at 10, expected 0 to 9'],
    ['unequal counts', 'train-labels.idx1-ubyte', labels(19), '19 labels for the 20 images'],
    ['a file cut short', 'train-images-idx3-ubyte', images(20).subarray(0, 999), 'expected 20 × 28 × 28'],
    ['gzip cut short', 't10k-labels.idx1-ubyte.gz', gzipSync(labels(10)).subarray(0, 20), 'not a whole gzip file'],
  ])('refuses %s, naming the folder or file', async (_, name, bytes, message) => {
    if (bytes) write(name, bytes);
    else rmSync(join(root, name));
    const loading = loadDataSet('mnist', { root, mediaFolder });
    await expect(loading).rejects.toMatchObject({
      name: 'Problem',
      message: expect.stringContaining(message) as string,
    });
    await expect(loading).rejects.toThrow(root);
    const check = await checkDataSet('mnist', { root, mediaFolder });
    expect(check).toMatchObject({ ok: false, message: expect.stringContaining(message) as string });
  });

  it.each(['mnist', 'cifar10', 'cifar100', 'svhn', 'stl10'] as const)(
    'tells of %s that its folder is a file',
    async (name) => {
      const check = await checkDataSet(name, { root: join(root, 'train-images-idx3-ubyte'), mediaFolder });
      expect(check.ok).toBe(false);
      expect(check.message).toMatch(/which is no folder|was not found in/);
    },
  );

  it('tells apart what is missing, damaged and sound', async () => {
    rmSync(join(root, 'train-labels.idx1-ubyte'));
    write('t10k-labels.idx1-ubyte.gz', gzipSync(idx([10], () => 77)));
    const { files } = await checkDataSet('mnist', { root, mediaFolder });
    expect(files.map(({ status }) => status)).toEqual(['ok', 'missing', 'ok', 'damaged']);
    expect(files[1]?.message).toContain('train-labels.idx1-ubyte.gz');
  });

  it('says what to do when no folder is given', async () => {
    const check = await checkDataSet('mnist', { mediaFolder });
    expect(check).toMatchObject({ ok: false, files: [] });
    expect(check.message).toMatch(/data\.root is not set.*train-images-idx3-ubyte.*t10k-labels-idx1-ubyte/);
  });
});

describe('the registry', () => {
  const names = ['digits', 'mnist', 'fashion-mnist', 'cifar10', 'cifar100', 'svhn', 'stl10', 'image-folder'];

  it('has a line on every data set', () => {
    const described = describeDataSets();
    expect(described.map(({ name }) => name)).toEqual(names);
    for (const { description, whereToGet } of described) {
      expect(description).toMatch(/\d/);
      expect(whereToGet).not.toBe('');
    }
  });

  it('checks all', async () => {
    const checks = await checkAllDataSets({ mediaFolder });
    expect(checks.map(({ name }) => name)).toEqual(names);
    expect(checks[0]?.ok).toBe(true);
  });
});

const debianFolder = '/usr/share/datasets/fashion-mnist';
const reason = hasIdxFiles(debianFolder) ? '' : ' (skipped: apt install dataset-fashion-mnist)';
describe.skipIf(reason)(`the real Fashion-MNIST${reason}`, () => {
  it('is found without data.root, whole and with the usual statistics', async () => {
    const { train, test, classNames, normalization } = await loadDataSet('fashion-mnist', { mediaFolder });
    expect([train.labels.length, test.labels.length]).toEqual([60000, 10000]);
    const perClass = (all: Int32Array) => classNames.map((_, k) => all.filter((label) => label === k).length);
    expect(perClass(train.labels)).toEqual(classNames.map(() => 6000));
    expect(perClass(test.labels)).toEqual(classNames.map(() => 1000));
    // The first training image is an ankle boot.
    expect(classNames[train.labels[0] ?? 0]).toBe('Ankle boot');
    const images = bytesOf(train.images);
    const mean = images.reduce((sum, byte) => sum + byte, 0) / images.length / 255;
    const square = images.reduce((sum, byte) => sum + byte * byte, 0) / images.length / 255 ** 2;
    expect(mean).toBeCloseTo(normalization.mean[0] ?? NaN, 3);
    expect(Math.sqrt(square - mean ** 2)).toBeCloseTo(normalization.std[0] ?? NaN, 3);
  });

  it('may also be unpacked in a folder of one’s own', async () => {
    emptyRoot();
    for (const name of ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1']) {
      write(`${name}-ubyte`, gunzipSync(readFileSync(join(debianFolder, `${name}-ubyte.gz`))));
    }
    expect(await checkDataSet('fashion-mnist', { root, mediaFolder })).toMatchObject({ ok: true });
  });
});
