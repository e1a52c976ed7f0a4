import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { unlabelledImages } from './stl10';
import { bytesOf, dataFolder } from './testing';

const { root, write, remove, load, check, refuses } = dataFolder('stl10');
afterAll(() => rmSync(root, { recursive: true }));
const imageBytes = 96 * 96 * 3;

/** Column-major planes: the pixel in row 2, column 5 of image i is (i, 100 + i, 200 + i). */
function images(n: number): Buffer {
  const bytes = Buffer.alloc(n * imageBytes);
  for (let i = 0; i < n; i += 1) {
    for (let c = 0; c < 3; c += 1) bytes[i * imageBytes + c * 96 * 96 + 5 * 96 + 2] = i + 100 * c;
  }
  return bytes;
}
const pixel = (2 * 96 + 5) * 3;

describe('stl10', () => {
  beforeEach(() => {
    write('stl10_binary/train_X.bin', images(3));
    write('stl10_binary/train_y.bin', Buffer.from([1, 10, 4]));
    write('stl10_binary/test_X.bin', images(2));
    write('stl10_binary/test_y.bin', Buffer.from([2, 3]));
    write('stl10_binary/unlabeled_X.bin', images(5));
  });

  it('reads column-major images and labels that begin at 1', async () => {
    const { train, test, shape, classNames } = await load();
    expect(shape).toEqual([96, 96, 3]);
    expect([...train.labels, ...test.labels]).toEqual([0, 9, 3, 1, 2]);
    expect([classNames[0], classNames[9]]).toEqual(['airplane', 'truck']);
    const at = 2 * imageBytes + pixel;
    expect([...bytesOf(train.images).subarray(at - 1, at + 4)]).toEqual([0, 2, 102, 202, 0]);
    remove('stl10_binary/unlabeled_X.bin');
    expect((await check()).message).toContain('3 training and 2 test images, where 5,000 training and 8,000 test');
    expect((await check()).files.slice(0, 4).map(({ status }) => status)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  it('reads unlabelled images one by one', () => {
    const unlabelled = unlabelledImages(join(root, 'stl10_binary'));
    expect(unlabelled.count).toBe(5);
    const image = new Uint8Array(imageBytes);
    unlabelled.read(4, image);
    expect([...image.subarray(pixel - 1, pixel + 4)]).toEqual([0, 4, 104, 204, 0]);
    truncateSync(join(root, 'stl10_binary/unlabeled_X.bin'), imageBytes);
    expect(() => unlabelled.read(4, image)).toThrow('unlabeled_X.bin has become shorter');
  });

  it('counts the unlabelled images, which need not be there', async () => {
    const file = join(root, 'stl10_binary/unlabeled_X.bin');
    const finding = async () => (await check()).files[4];
    const message = `${file} has 5 unlabelled images, where 100,000 are published. Get it again.`;
    expect(await check()).toMatchObject({ ok: false, message });
    expect(await finding()).toMatchObject({ status: 'damaged', message });
    truncateSync(file, 100_000 * imageBytes);
    expect(await finding()).toEqual({
      ...{ file, size: 100_000 * imageBytes, status: 'ok' },
      message: '100,000 unlabelled images',
    });
    truncateSync(file, 2 * imageBytes + 1);
    expect(await finding()).toMatchObject({
      status: 'damaged',
      message: expect.stringContaining('no whole') as string,
    });
    remove('stl10_binary/unlabeled_X.bin');
    expect(await finding()).toMatchObject({ file, status: 'missing' });
  });

  it.each<[string, string, Buffer | undefined, string]>([
    ['a missing file', 'test_y.bin', undefined, 'test_y.bin was not found in'],
    ['images cut short', 'train_X.bin', images(3).subarray(9), '82,935 bytes, which are no whole images of 27,648'],
    ['a label out of range', 'train_y.bin', Buffer.from([1, 0, 2]), 'label 0 at 1, expected 1 to 10'],
    ['unequal counts', 'train_y.bin', Buffer.from([1, 2]), 'has 2 labels for 3 images'],
  ])('refuses %s', async (_, file, bytes, words) => {
    if (bytes) write(`stl10_binary/${file}`, bytes);
    else remove(`stl10_binary/${file}`);
    await refuses(words);
  });

  it('says how to get the files where there are none', async () => {
    rmSync(join(root, 'stl10_binary'), { recursive: true });
    await refuses('sat data download stl10');
    expect((await check()).files.map(({ status }) => status)).toEqual(Array(5).fill('missing'));
  });
});
