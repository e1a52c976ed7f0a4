import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { encode as encodePng } from 'fast-png';
import { encode as encodeJpeg } from 'jpeg-js';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { dataSchema } from '../../protocol/data';
import { isStopped, stoppable } from '../breathe';
import { gatherImages } from './imageSource';
import { readImages } from './imageFolder';
import { applyNoise } from './noise';
import { prepareTrainingData } from './prepare';
import { loadDataSet } from './registry';
import { bytesOf, dataFolder } from './testing';
import type { DataPlaces } from './types';

const { root, write, remove, empty, check, refuses } = dataFolder('image-folder');
const cache = dataFolder('image-folder');
afterAll(() => [root, cache.root].forEach((folder) => rmSync(folder, { recursive: true })));
beforeEach(() => {
  empty();
  cache.empty();
  vi.stubEnv('SAT_CACHE', cache.root);
});
afterEach(() => vi.unstubAllEnvs());

/** Of one colour, 16 × 12. */
const png = (red: number) =>
  encodePng({
    width: 16,
    height: 12,
    channels: 3,
    data: Uint8Array.from({ length: 576 }, (_, i) => (i % 3 === 0 ? red : 7)),
  });
const jpeg = (grey: number) => encodeJpeg({ width: 16, height: 12, data: Buffer.alloc(768, grey) }, 90).data;

const tell = vi.fn();
const load = (options: object = {}, places: Partial<DataPlaces> = {}) =>
  loadDataSet(dataSchema.parse({ name: 'image-folder', size: 8, ...options }), {
    root,
    mediaFolder: '',
    tell,
    ...places,
  });
/** The first byte of each image of 8 × 8. */
const firsts = (images: Uint8Array) => Array.from({ length: images.length / 192 }, (_, i) => images[i * 192]);

function twoClasses(): void {
  write('train/dog/a.png', png(10));
  write('train/dog/deep/b.PNG', png(20));
  write('train/cat/c.png', png(30));
  write('train/cat/Thumbs.db', 'x');
  write('val/cat/d.JPEG', jpeg(40));
  write('val/dog/e.png', png(50));
}

describe('folders of images by class', () => {
  beforeEach(twoClasses);

  it('are read by classes, which are sorted, in an order that is always the same', async () => {
    const { train, test, ...about } = await load();
    expect(about).toMatchObject({ classNames: ['cat', 'dog'], shape: [8, 8, 3], pixelScale: 255 });
    // Of numpy.random.RandomState(0).permutation(3) and (2): [2, 1, 0] and [1, 0].
    expect([...train.labels, ...test.labels]).toEqual([1, 1, 0, 1, 0]);
    expect(firsts(bytesOf(train.images))).toEqual([20, 10, 30]);
    const [first, second = 0] = firsts(bytesOf(test.images));
    expect([first, Math.round(second / 4)]).toEqual([50, 10]);
    expect((await check()).message).toBe('3 training and 2 test images, 64×64×3, 2 classes');
  });

  it('are decoded once, and again when an image changes', async () => {
    await load();
    expect(readdirSync(join(cache.root, 'images'))).toHaveLength(2);
    tell.mockClear();
    await load();
    expect(tell).not.toHaveBeenCalled();
    write('train/cat/c.png', png(99));
    expect(firsts(bytesOf((await load()).train.images))).toEqual([20, 10, 99]);
    expect(tell).toHaveBeenCalledTimes(1);
  });

  it('are decoded on from where a stop or the end of a process left off, and say how far they are', async () => {
    const whole = bytesOf((await load()).train.images);
    cache.empty();
    tell.mockClear();
    const clock = vi.spyOn(performance, 'now');
    // A minute for an image.
    let minute = 0;
    clock.mockImplementation(() => minute * 60_000);
    let stop = 2;
    const pause = stoppable(() => minute++ === stop);
    await expect(load({}, { pause })).rejects.toSatisfy(isStopped);
    expect(tell.mock.calls.flat()).toEqual([
      expect.stringMatching(/^Decoding 3 images once, to 8×8; they are kept in .*\.bin\.$/),
      '1 of 3 images are decoded, about 2 min left.',
      '2 of 3 images are decoded, about 1 min left.',
    ]);
    clock.mockRestore();

    const folder = join(cache.root, 'images');
    const [part = ''] = readdirSync(folder);
    const { pid } = spawnSync(process.execPath, ['--version']);
    const dead = part.replace(`.${process.pid}.`, `.${pid}.`);
    // The process was killed in the middle of an image.
    renameSync(join(folder, part), join(folder, dead));
    appendFileSync(join(folder, dead), 'torn');
    const stale = `${'0'.repeat(32)}.bin${dead.slice(36)}`;
    for (const [name, age] of [
      [stale, 8],
      [stale.replace('0', '1'), 6],
      [stale.replace(`.${pid}.`, '.1.'), 8],
    ] as const) {
      cache.write(join('images', name), 'x');
      const time = Date.now() / 1000 - age * 24 * 3600;
      utimesSync(join(folder, name), time, time);
    }
    tell.mockClear();
    stop = Infinity;
    const read = vi.fn(() => Promise.resolve());
    expect(bytesOf((await load({}, { pause: read })).train.images)).toEqual(whole);
    expect(tell.mock.calls[0]).toEqual([expect.stringContaining('2 of them are there from an earlier try.')]);
    // The third training image, and the two for testing.
    expect(read).toHaveBeenCalledTimes(3);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual(
      [stale.replace('0', '1'), stale.replace(`.${pid}.`, '.1.')].sort(),
    );
  });

  it('are read from a file, batch by batch, where they do not fit in memory', async () => {
    const dataSet = await load();
    const folder = join(cache.root, 'images');
    const files = readdirSync(folder).map((name) => join(folder, name));
    const file = files.find((path) => statSync(path).size === 3 * 192)!;
    const streamed = await readImages(file, 8, 100);
    expect(streamed).not.toBeInstanceOf(Uint8Array);
    const bytes = bytesOf(await readImages(file, 8));
    const count = bytes.length / 192;
    const rows = Int32Array.from({ length: count }, (_, i) => count - 1 - i);
    expect(gatherImages(streamed, rows, dataSet.shape)).toEqual(gatherImages(bytes, rows, dataSet.shape));

    const labels = Int32Array.from({ length: count }, () => 0);
    const streamedSet = { ...dataSet, train: { images: streamed, labels } };
    expect(() => applyNoise(streamedSet, { type: 'Gaussian', rate: 0.5 }, 0)).toThrow('data.size');
    expect(applyNoise(streamedSet, { type: 'symmetric', rate: 0.5 }, 0).images).toBe(streamed);
    const { validation } = prepareTrainingData(streamedSet, { validation: 0.34 }, 0);
    expect(gatherImages(validation.images, Int32Array.of(0), dataSet.shape)).toEqual(bytes.slice(-192));
  });

  it.each([
    [
      ['00000', '00001'],
      ['00000', '00001'],
    ],
    [
      ['1', '2', '3'],
      ['1', '2', '3'],
    ],
    // As torchvision sorts them.
    [
      ['0', '2', '10'],
      ['0', '10', '2'],
    ],
  ])('may have numbers for names: %j', async (folders, classNames) => {
    empty();
    for (const [i, folder] of folders.entries())
      for (const name of ['train', 'val']) write(`${name}/${folder}/x.png`, png(i));
    const { train, test, ...about } = await load();
    expect(about.classNames).toEqual(classNames);
    const reds = folders.map((_, i) => i);
    for (const { images, labels } of [train, test]) {
      const named = [...labels].map((label, i) => [classNames[label], firsts(bytesOf(images))[i]]);
      expect(named.sort()).toEqual(reds.map((red) => [folders[red], red]).sort());
    }
  });

  it.each<[string, () => void, string]>([
    ['no val/', () => remove('val'), 'has neither val/ nor test/'],
    ['no train/', () => remove('train'), 'train was not found'],
    ['a class without training images', () => write('val/bird/x.png', png(1)), 'is of class bird'],
    ['only one class', () => remove('train/cat'), 'are all of one class, dog'],
    [
      'a class in another format',
      () => write('train/emu/a.webp', 'x'),
      '1 file is of a format that is not read (.webp)',
    ],
    [
      'only other formats',
      () => {
        remove('train');
        for (const name of ['cat', 'dog']) write(`train/${name}/deep/a.PPM`, 'x');
      },
      'train holds no PNG or JPEG images of classes. 2 files are of formats that are not read (.ppm): make PNG or JPEG images of them. Put ',
    ],
    ['classes without images', () => write('train/emu/a.txt', 'x'), 'class folders without PNG or JPEG images: emu.'],
    ['a damaged image', () => write('train/dog/a.png', png(10).subarray(0, 60)), 'a.png is a damaged image'],
    ['a file that is no image', () => write('val/dog/e.png', 'hello'), 'e.png is neither a PNG nor a JPEG'],
  ])('are refused with %s', async (_, damage, words) => {
    damage();
    await refuses(words);
    expect((await check()).files.some(({ status }) => status !== 'ok')).toBe(true);
    expect(
      readdirSync(cache.root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tmp')),
    ).toEqual([]);
  });

  it('are looked at to the end where some are damaged, which are named together', async () => {
    write('train/dog/a.png', 'hello');
    write('train/cat/c.png', png(30).subarray(0, 60));
    await expect(load()).rejects.toMatchObject({
      name: 'Problem',
      message: expect.stringMatching(
        /^2 images cannot be read: \S+a\.png, \S+c\.png\. The first: \S+a\.png is neither a PNG nor .*\. Replace it or take it away\.$/,
      ) as string,
    });
    for (let i = 0; i < 12; i += 1) write(`train/dog/${i}.png`, 'x');
    await expect(load()).rejects.toThrow(/^14 images cannot be read: (\S+\.png, ){10}and 4 more\. The first: /);
    // Cut in its header: many of these hang libjpeg-turbo.
    for (let i = 0; i < 300; i += 1) write(`train/dog/${i}.jpg`, jpeg(40).subarray(0, 60));
    await expect(load()).rejects.toThrow(/^At least 50 images cannot be read: (\S+, ){10}and 40 more\. The first: /);
  });

  it('go on from before the first damaged image when they were stopped after it', async () => {
    write('train/dog/a.png', 'hello');
    let left = 3;
    await expect(load({}, { pause: stoppable(() => left-- === 1) })).rejects.toSatisfy(isStopped);
    const [part = ''] = readdirSync(join(cache.root, 'images'));
    expect(statSync(join(cache.root, 'images', part)).size).toBe(192);
  });

  it('may hold images of other formats beside those that are read, which is told, and hidden folders', async () => {
    mkdirSync(join(root, 'train', '.hidden'));
    const warn = vi.fn();
    await load({}, { warn });
    expect(warn).not.toHaveBeenCalled();
    for (const name of ['train/dog/b.gif', 'train/dog/deep/c.TIFF', 'val/emu/d.bmp']) write(name, 'x');
    expect((await load({}, { warn })).classNames).toEqual(['cat', 'dog']);
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/train: 2 files are of formats that are not read \(\.gif, \.tiff\): /)],
      [expect.stringMatching(/val: 1 file is of a format that is not read \(\.bmp\): /)],
    ]);
  });

  it('say what to do when the cache cannot be written', async () => {
    cache.write('file', 'x');
    vi.stubEnv('SAT_CACHE', join(cache.root, 'file'));
    await expect(load()).rejects.toThrow(/could not be written to .*SAT_CACHE/);
  });
});

describe('files that are called after their class', () => {
  it('are read by class and number; testShare takes the end of each class', async () => {
    for (const [i, name] of ['cat.0', 'cat.2', 'cat.10', 'dog.0', 'dog.1'].entries())
      write(`train/${name}.png`, png(i));
    await expect(load()).rejects.toThrow('data.testShare');
    const { train, test, classNames } = await load({ testShare: 0.5 });
    expect(classNames).toEqual(['cat', 'dog']);
    expect([...train.labels, ...test.labels]).toEqual([1, 0, 0, 1, 0]);
    expect([firsts(bytesOf(train.images)), firsts(bytesOf(test.images))]).toEqual([
      [3, 1, 0],
      [4, 2],
    ]);
    await expect(load({ testShare: 0.1 })).rejects.toThrow('data.testShare: 0.1 of each class is no image');
  });
});

it.each([
  ['folders', '/'],
  ['files that are called after their class', '.'],
])(
  'the first and the last images of %s are of all classes, as is each half of the test images',
  async (_, separator) => {
    for (const name of ['train', 'val'])
      for (const className of ['a', 'b', 'c'])
        for (let i = 0; i < 20; i += 1) write(`${name}/${className}${separator}${i}.png`, png(i));
    const warn = vi.fn();
    const { train, test, ...about } = await load({ validation: 0.4, limit: 20 }, { warn });
    const classes = (labels: Int32Array) => [...new Set(labels)].sort();
    const parts = prepareTrainingData({ train, test, ...about }, { validation: 0.4, limit: 20 }, 0);
    expect([parts.train.length, parts.validation.length]).toEqual([20, 24]);
    for (const labels of [parts.train.labels, parts.validation.labels, test.labels.subarray(0, 30)])
      expect(classes(labels)).toEqual([0, 1, 2]);
    expect(warn).not.toHaveBeenCalled();
  },
);

describe('lists of images', () => {
  beforeEach(() => {
    for (const i of [0, 1, 2]) write(`all/a picture ${i}.png`, png(i));
    write('train_split.txt', 'all/a picture 1.png 1\n\nall/a picture 0.png 0\r\n');
    write('val_split.txt', 'all/a picture 2.png 1\n');
  });

  it('are found where there are two, or named', async () => {
    const { train, test, classNames } = await load();
    expect(classNames).toEqual(['0', '1']);
    expect([...train.labels, ...test.labels]).toEqual([1, 0, 1]);
    expect([...firsts(bytesOf(train.images)), ...firsts(bytesOf(test.images))]).toEqual([1, 0, 2]);
    write('other.txt', 'all/a picture 2.png cat\nall/a picture 1.png dog\n');
    const words = await load({ trainList: 'other.txt', testList: 'other.txt' });
    expect([words.classNames, [...words.train.labels]]).toEqual([
      ['cat', 'dog'],
      [0, 1],
    ]);
  });

  it('take labels that are numbers for all classes from 0 on, unless they are written otherwise', async () => {
    write('train_split.txt', 'all/a picture 0.png 0\nall/a picture 1.png 2');
    expect((await load()).classNames).toEqual(['0', '1', '2']);
    write('train_split.txt', 'all/a picture 0.png 01\nall/a picture 1.png 02');
    write('val_split.txt', 'all/a picture 2.png 02\n');
    const { classNames, train, test } = await load();
    expect([classNames, [...train.labels], [...test.labels]]).toEqual([['01', '02'], [0, 1], [1]]);
  });

  it('keep their order, and say which classes are then missing', async () => {
    for (const [i, className] of ['a', 'b', 'b', 'c'].entries()) write(`train/${className}.${i}.png`, png(i));
    write('train_split.txt', 'a.0.png\nb.1.png\nb.2.png\nc.3.png\n');
    write('val_split.txt', 'a.0.png\n');
    const warningsOf = async (options: object) => {
      const warnings: string[] = [];
      const { train } = await load(options, { warn: (message) => void warnings.push(message) });
      expect([...train.labels]).toEqual([0, 1, 1, 2]);
      return warnings;
    };
    expect(await warningsOf({})).toEqual([]);
    expect(await warningsOf({ validation: 0.25 })).toEqual([
      expect.stringMatching(/^data: the 3 images trained on lack 1 of 3 classes: c\. .*data\.validation/),
      expect.stringMatching(/^data: the 1 images kept for validation lack 2 of 3 classes: a, b\. /),
    ]);
    expect(await warningsOf({ limit: 2 })).toEqual([
      expect.stringMatching(/^data: the 2 images trained on lack 1 of 3 classes: c\. .*data\.limit/),
    ]);
  });

  it('take the class from a file’s name where a line has no label, and look in train/ too', async () => {
    for (const [i, name] of ['cat.0', 'dog.0', 'a dog.1'].entries()) write(`train/${name}.png`, png(i));
    write('train_split.txt', 'dog.0.png\ncat.0.png\n');
    write('val_split.txt', 'train/cat.0.png\ndog.0.png dog\n');
    const { train, test, classNames } = await load();
    expect(classNames).toEqual(['cat', 'dog']);
    expect([...train.labels, ...test.labels]).toEqual([1, 0, 0, 1]);
    expect([...firsts(bytesOf(train.images)), ...firsts(bytesOf(test.images))]).toEqual([1, 0, 0, 1]);
    write('val_split.txt', 'a dog.1.png\n');
    await expect(load()).rejects.toThrow('is of class a dog, of which there is no training image');
  });

  it.each<[string, string, object, string]>([
    ['a line without a label', 'all/x.png', {}, 'train_split.txt, line 1: expected a path and a label'],
    ['a missing image', 'all/a picture 0.png 0\nall/x.png 1', {}, 'line 2: there is no'],
    ['no lines', '\n', {}, 'lists no images'],
    ['only one of both names', '', { trainList: 'train_split.txt' }, 'data.testList: missing'],
    ['a list that is not there', '', { trainList: 'no.txt', testList: 'no.txt' }, 'no.txt was not found'],
  ])('are refused with %s', async (_, text, options, words) => {
    write('train_split.txt', text);
    await expect(load(options)).rejects.toMatchObject({
      name: 'Problem',
      message: expect.stringContaining(words) as string,
    });
  });
});
