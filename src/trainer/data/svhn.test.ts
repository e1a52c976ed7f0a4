import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { element, matFile, matrix } from '../../formats/mat.testing';
import { bytesOf, dataFolder } from './testing';

const { root, write, remove, load, check, refuses } = dataFolder('svhn');
afterAll(() => rmSync(root, { recursive: true }));

/** Column-major [32, 32, 3, n]: the pixel in row 2, column 5 of image i is (i, 100 + i, 200 + i). */
function images(n: number): Buffer {
  const bytes = Buffer.alloc(n * 3072);
  for (let i = 0; i < n; i += 1) {
    for (let c = 0; c < 3; c += 1) bytes[2 + 32 * (5 + 32 * (c + 3 * i))] = i + 100 * c;
  }
  return bytes;
}

const packed = (array: Buffer) => element(15, deflateSync(array), false);
function mat(digits: number[], n = digits.length): Buffer {
  const x = matrix('X', 9, [32, 32, 3, n], element(2, images(n)));
  return matFile(packed(x), packed(matrix('y', 9, [digits.length, 1], element(2, Buffer.from(digits)))));
}

describe('svhn', () => {
  beforeEach(() => {
    write('train_32x32.mat', mat([1, 9, 10, 3]));
    write('test_32x32.mat', mat([5, 10]));
  });

  it('reads images and digits, a zero being called 10', async () => {
    const { train, test, ...about } = await load();
    expect(about).toMatchObject({
      name: 'svhn',
      shape: [32, 32, 3],
      pixelScale: 255,
      normalization: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    });
    expect([...train.labels]).toEqual([1, 9, 0, 3]);
    expect([...test.labels]).toEqual([5, 0]);
    const pixel = 3 * 3072 + (2 * 32 + 5) * 3;
    expect([...bytesOf(train.images).subarray(pixel - 1, pixel + 4)]).toEqual([0, 3, 103, 203, 0]);
  });

  it('is looked at file by file, and is not taken for all that is published', async () => {
    const found = await check();
    expect(found.ok).toBe(false);
    expect(found.message).toContain(
      `${root} has 4 training and 2 test images, where 73,257 training and 26,032 test are published`,
    );
    expect(found.files).toMatchObject([
      { file: join(root, 'train_32x32.mat'), status: 'ok', message: '4 images with labels' },
      { file: join(root, 'test_32x32.mat'), status: 'ok', message: '2 images with labels' },
    ]);
  });

  it.each<[string, Buffer | undefined, string]>([
    ['a missing file', undefined, 'test_32x32.mat was not found in'],
    ['a file cut short', mat([1, 2]).subarray(0, 150), 'test_32x32.mat is cut short or damaged'],
    ['a label out of range', mat([1, 0]), 'label 0 at 1, expected 1 to 10'],
    ['unequal counts', mat([1, 2], 3), 'has 2 labels for 3 images'],
    ['other arrays', matFile(packed(matrix('z', 9, [1, 1], element(2, Buffer.from([1]))))), 'holds no bytes X'],
  ])('refuses %s', async (_, bytes, words) => {
    if (bytes) write('test_32x32.mat', bytes);
    else remove('test_32x32.mat');
    await refuses(words);
    expect((await check()).files[1]?.status).toBe(bytes ? 'damaged' : 'missing');
  });
});
