import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeNpy, encodeNpy } from '../../../formats/npy';
import type { NoiseConfig } from '../../../protocol/data';
import { bytesOf } from '../testing';
import { gaussian, randomPixels, shuffledPixels, type ImageNoise } from './imageNoise';
import { applyNoise, describeNoise, saveNoise, type NoiseData } from '.';

const folder = mkdtempSync(join(tmpdir(), 'image-noise-'));
afterAll(() => rmSync(folder, { recursive: true }));

const n = 50;
const shape = [4, 3, 3] as const;
const size = 4 * 3 * 3;
const images = Uint8Array.from({ length: n * size }, (_, i) => (i * 7) % 251);
const data: NoiseData = {
  name: 'counting',
  classNames: ['a', 'b'],
  shape,
  pixelScale: 255,
  normalization: { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
  train: { images, labels: Int32Array.from({ length: n }, (_, i) => i % 2) },
};
const types = ['Gaussian', 'random_pixels', 'shuffled_pixels'] as const;
const apply = (type: (typeof types)[number], rate = 0.3, of = data) => applyNoise(of, { type, rate, seed: 0 }, 0);
const image = (of: Uint8Array, i: number) => of.subarray(i * size, (i + 1) * size);
/** The pixels of an image as text, in their order. */
const pixels = (of: Uint8Array, i: number) =>
  Array.from({ length: 12 }, (_, at) =>
    image(of, i)
      .subarray(3 * at, 3 * at + 3)
      .join(),
  );

describe('image noise', () => {
  it.each(types)('%s changes the drawn images and no others, and keeps the labels', (type) => {
    const before = images.slice();
    const noise = apply(type);
    expect(noise.record).toMatchObject({ type, rate: 0.3, seed: 0, count: 15, pixels: 'noise-images.npy' });
    expect(noise.given).toBe(data.train.labels);
    const changed = Array.from({ length: n }, (_, i) => i).filter(
      (i) => Buffer.compare(image(bytesOf(noise.images), i), image(images, i)) !== 0,
    );
    expect(changed).toEqual([...noise.record.indices].sort((a, b) => a - b));
    expect(images).toEqual(before);
    expect(describeNoise(noise.record, n)).toBe(
      `Noise ${type}: 15 of 50 training images (30.0 %) are replaced; their labels stay.`,
    );
  });

  it('random_pixels permutes the pixels of each image differently, shuffled_pixels all in the same way', () => {
    for (const type of ['random_pixels', 'shuffled_pixels'] as const) {
      const noise = apply(type);
      const orders = noise.record.indices.map((i) => {
        const original = pixels(images, i);
        return pixels(bytesOf(noise.images), i)
          .map((pixel) => original.indexOf(pixel))
          .join();
      });
      for (const order of orders) expect(new Set(order.split(',')).size).toBe(12);
      expect(new Set(orders).size).toBe(type === 'random_pixels' ? 15 : 1);
    }
  });

  it('Gaussian takes mean and deviation from the images where the data set has no normalisation', () => {
    const grey = Uint8Array.from({ length: 4000 * 16 }, (_, i) => (i % 2 === 0 ? 7 : 9));
    const noise = apply('Gaussian', 1, {
      ...data,
      shape: [4, 4, 1],
      pixelScale: 16,
      normalization: { mean: [0], std: [1] },
      train: { images: grey, labels: new Int32Array(4000) },
    });
    const mean = bytesOf(noise.images).reduce((sum, value) => sum + value, 0) / grey.length;
    const variance = bytesOf(noise.images).reduce((sum, value) => sum + (value - mean) ** 2, 0) / grey.length;
    // Truncation takes half a value off on average, and adds 1/12 to the variance.
    expect(mean).toBeCloseTo(7.5, 1);
    expect(variance).toBeCloseTo(1 + 1 / 12, 1);
  });
});

/** Facts 1.3: what the authors draw on CIFAR, whose labels and pixels play no part in it. */
describe('image noise on CIFAR', () => {
  const side = 32;
  const labels = new Int32Array(50_000);
  const all = new Uint8Array(labels.length * side * side * 3);
  const cifar: NoiseData = { ...data, shape: [side, side, 3], train: { images: all, labels } };
  /** The first drawn images, each pixel of which says where it was. */
  const firstOrders = (noise: ImageNoise, seed: number, rate: number) => {
    const { indices } = noise({ rate, seed }, cifar);
    for (const index of indices)
      for (let at = 0; at < side * side; at += 1) all.set([at >> 8, at & 255], (index * side * side + at) * 3);
    const { pixels: permuted } = noise({ rate, seed }, cifar);
    return [...indices.keys()].map((i) =>
      Array.from({ length: 8 }, (_, to) => {
        const [high = 0, low = 0] = permuted.subarray((i * side * side + to) * 3);
        return 256 * high + low;
      }),
    );
  };

  it.each([
    [0, [11841, 19602, 45519, 25747, 42642]],
    [1, [26247, 35067, 34590, 16668, 12196]],
    [42, [33553, 9427, 199, 12447, 39489]],
  ])('at seed %i falls on the images %j first, whatever the rate', (seed, first) => {
    for (const rate of [0.0001, 0.001]) {
      expect([...shuffledPixels({ rate, seed }, cifar).indices.subarray(0, 5)]).toEqual(first);
    }
  });

  it.each([
    [0, [132, 287, 543, 945, 226, 901, 976, 164]],
    [1, [838, 408, 766, 79, 772, 318, 701, 321]],
  ])('shuffled_pixels at seed %i puts pixels %j first', (seed, first) => {
    expect(firstOrders(shuffledPixels, seed, 0.00004)).toEqual([first, first]);
    const [own, next] = firstOrders(randomPixels, seed, 0.00004);
    expect(own).toEqual(first);
    if (seed === 0) expect(next?.slice(0, 4)).toEqual([31, 864, 837, 990]);
  });

  it('Gaussian at rate .4, seed 0 is the authors’ block of images, byte for byte', () => {
    const { pixels: block } = gaussian({ rate: 0.4, seed: 0 }, cifar);
    expect([...block.subarray(0, 3)]).toEqual([81, 219, 100]);
    let sum = 0;
    for (const value of block) sum += value;
    expect(sum / block.length).toBeCloseTo(120.3, 2);
    expect(createHash('sha256').update(block).digest('hex').slice(0, 16)).toBe('d9e5854b125ad834');
  });
});

describe('saved image noise', () => {
  const noise = apply('random_pixels');
  const saved: NoiseConfig = { type: 'random_pixels', seed: 9, file: join(folder, 'noise.json') };
  const pixelsFile = join(folder, 'noise-images.npy');
  const rewrite = (changes: object) => writeFileSync(saved.file ?? '', JSON.stringify({ ...noise.record, ...changes }));

  it('gives the same images again', async () => {
    await saveNoise(folder, noise, shape);
    expect(decodeNpy(readFileSync(pixelsFile), pixelsFile).shape).toEqual([15, 4, 3, 3]);
    expect(applyNoise(data, saved, 0)).toEqual(noise);
  });

  it('refuses what belongs to other data or is damaged', async () => {
    await saveNoise(folder, noise, shape);
    const again =
      (of: NoiseData = data) =>
      () =>
        applyNoise(of, saved, 0);
    rewrite({ type: 'Gaussian' });
    expect(again()).toThrow('holds noise of type Gaussian, not random_pixels');
    rewrite({ indices: noise.record.indices.slice(1) });
    expect(again()).toThrow('indices must have `count` entries');
    rewrite({ indices: noise.record.indices.map((i) => i + n) });
    expect(again()).toThrow('there are only 50 samples');
    rewrite({});
    expect(again({ ...data, shape: [3, 4, 3] })).toThrow(/noise-images\.npy holds .*15, 4, 3, 3.*15, 3, 4, 3/);
    writeFileSync(pixelsFile, encodeNpy({ shape: [15 * size], data: new Int32Array(15 * size) }));
    expect(again()).toThrow('noise-images.npy');
    rmSync(pixelsFile);
    expect(again()).toThrow('Keep it beside its noise.json');
  });
});
