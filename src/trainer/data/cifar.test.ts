import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Images } from './streamedImages';
import { bytesOf, dataFolder } from './testing';

/** Image i of a file: its first pixel is red i, green i + 1, blue i + 2, its second row begins with red 200. */
function planes(i: number): Buffer {
  const bytes = Buffer.alloc(3072);
  [0, 1, 2].forEach((c) => (bytes[c * 1024] = i + c));
  bytes[32] = 200;
  return bytes;
}

/** The binary version: labels, then planes. */
const binary = (labels: number[][]) => Buffer.concat(labels.map((label, i) => Buffer.from([...label, ...planes(i)])));

const ascii = (text: string) => Buffer.from(text, 'latin1');
const number = (value: number) => Buffer.from([0x4d, value & 255, value >> 8]);
const text = (value: string) => Buffer.concat([Buffer.from([0x55, value.length]), ascii(value)]);
const minusOne = ascii('J\xff\xff\xff\xff');

/** The python version, as Python 2’s cPickle wrote it: protocol 2, texts as byte strings, an array of bytes. */
function pickled(key: string, labels: number[]): Buffer {
  const values = Buffer.concat(labels.map((_, i) => planes(i)));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(values.length);
  return Buffer.concat([
    ascii('\x80\x02}q\x01('),
    ...[text('batch_label'), text('a batch'), text(key), ascii(']q\x02('), ...labels.map(number), ascii('e')],
    ...[text('data'), ascii('cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01')],
    ...[number(labels.length), number(3072), ascii('\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN')],
    ...[minusOne, minusOne, ascii('K\x00tb\x89T'), size, values, ascii('tbu.')],
  ]);
}

const expectImages = (all: Images, count: number, last: number) => {
  const images = bytesOf(all);
  expect(images).toHaveLength(count * 3072);
  const image = images.subarray((count - 1) * 3072);
  expect([...image.subarray(0, 3)]).toEqual([last, last + 1, last + 2]);
  expect([...image.subarray(32 * 3, 32 * 3 + 3)]).toEqual([200, 0, 0]);
};

describe('cifar10', () => {
  const { root, write, remove, empty, load, check, refuses } = dataFolder('cifar10');
  afterAll(() => rmSync(root, { recursive: true }));
  const folder = 'cifar-10-batches-bin';
  beforeEach(() => {
    empty();
    for (const n of [1, 2, 3, 4, 5]) write(`${folder}/data_batch_${n}.bin`, binary([[n], [9]]));
    write(`${folder}/test_batch.bin`, binary([[6], [0], [3]]));
  });

  it('reads the binary version, batch after batch', async () => {
    const { train, test, ...about } = await load();
    expect(about).toMatchObject({
      name: 'cifar10',
      shape: [32, 32, 3],
      pixelScale: 255,
      normalization: { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
    });
    expect([about.classNames[0], about.classNames[9], about.classNames.length]).toEqual(['airplane', 'truck', 10]);
    expect([...train.labels]).toEqual([1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
    expect([...test.labels]).toEqual([6, 0, 3]);
    expectImages(train.images, 10, 1);
    expectImages(test.images, 3, 2);
  });

  it('reads the python version', async () => {
    empty();
    const python = 'cifar-10-batches-py';
    for (const n of [1, 2, 3, 4, 5]) write(`${python}/data_batch_${n}`, pickled('labels', [n, 9]));
    write(`${python}/test_batch`, pickled('labels', [6, 0, 3]));
    const { train, test } = await load();
    expect([...train.labels]).toEqual([1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
    expectImages(train.images, 10, 1);
    expectImages(test.images, 3, 2);
    expect((await check()).files[0]).toMatchObject({ file: join(root, python, 'data_batch_1'), status: 'ok' });

    write(`${python}/data_batch_4`, pickled('labels', [1, 10]));
    await refuses('label 10 at 1, expected 0 to 9');
    write(`${python}/data_batch_4`, pickled('labels', [1, 2]).subarray(0, 900));
    await refuses('data_batch_4 is cut short');
    write(`${python}/data_batch_4`, pickled('fine_labels', [1, 2]));
    await refuses("data_batch_4 holds no bytes [n, 3072] as 'data' and list of 'labels'");
  });

  it('finds files that lie in data.root itself', async () => {
    empty();
    for (const n of [1, 2, 3, 4, 5]) write(`data_batch_${n}.bin`, binary([[n]]));
    write('test_batch.bin', binary([[6]]));
    expect((await load()).train.labels).toHaveLength(5);
  });

  it('is looked at file by file, and is not taken for all that is published', async () => {
    const found = await check();
    expect(found.ok).toBe(false);
    expect(found.message).toContain(
      '10 training and 3 test images, where 50,000 training and 10,000 test are published',
    );
    expect(found.files).toHaveLength(6);
    expect(found.files[5]).toEqual({
      file: join(root, folder, 'test_batch.bin'),
      size: 3 * 3073,
      status: 'ok',
      message: '3 images with labels',
    });
  });

  it.each<[string, string, Uint8Array | undefined, string]>([
    ['a missing file', 'data_batch_3.bin', undefined, 'data_batch_3.bin was not found in'],
    [
      'a file cut short',
      'data_batch_3.bin',
      binary([[1], [2]]).subarray(0, 5000),
      '5,000 bytes, which are no whole records',
    ],
    ['an empty file', 'test_batch.bin', Buffer.alloc(0), '0 bytes, which are no whole records of 3,073'],
    ['a label out of range', 'test_batch.bin', binary([[1], [10]]), 'label 10 at 1, expected 0 to 9'],
  ])('refuses %s', async (_, file, bytes, words) => {
    if (bytes) write(join(folder, file), bytes);
    else remove(join(folder, file));
    await refuses(words);
    const { files } = await check();
    expect(files.filter(({ status }) => status !== 'ok')).toMatchObject([
      { file: join(root, folder, file), status: bytes ? 'damaged' : 'missing' },
    ]);
  });

  it('says how to get the files where there are none', async () => {
    empty();
    await refuses('its files were not found');
    await refuses('sat data download cifar10');
  });
});

describe('cifar100', () => {
  const { root, write, empty, load, check, refuses } = dataFolder('cifar100');
  afterAll(() => rmSync(root, { recursive: true }));
  beforeEach(empty);

  it('reads the fine labels of the binary version', async () => {
    write(
      'cifar-100-binary/train.bin',
      binary([
        [3, 99],
        [0, 19],
      ]),
    );
    write('cifar-100-binary/test.bin', binary([[19, 0]]));
    const { train, test, classNames } = await load();
    expect([...train.labels, ...test.labels]).toEqual([99, 19, 0]);
    expectImages(train.images, 2, 1);
    expect(classNames).toHaveLength(100);
    expect([classNames[0], classNames[19], classNames[99]]).toEqual(['apple', 'cattle', 'worm']);
    expect((await check()).message).toContain('2 training and 1 test images, where 50,000 training and 10,000 test');
    write('cifar-100-binary/test.bin', binary([[19, 100]]));
    await refuses('label 100 at 0, expected 0 to 99');
  });

  it('reads the python version', async () => {
    write('cifar-100-python/train', pickled('fine_labels', [99, 19]));
    write('cifar-100-python/test', pickled('fine_labels', [0]));
    const { train, test } = await load();
    expect([...train.labels, ...test.labels]).toEqual([99, 19, 0]);
    expectImages(train.images, 2, 1);
  });
});
