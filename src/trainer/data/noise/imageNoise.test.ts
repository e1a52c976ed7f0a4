import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeNpy, encodeNpy } from '../../../formats/npy';
import type { NoiseConfig } from '../../../protocol/data';
import { bytesOf } from '../testing';
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

  it('Gaussian begins as the authors’ does on CIFAR-10 at rate .4, seed 0', () => {
    // Facts 1.3. Images of one pixel: the first draws are the same for those of any size.
    const labels = new Int32Array(50_000);
    const cifar = { ...data, shape: [1, 1, 3] as const, train: { images: new Uint8Array(150_000), labels } };
    const noise = apply('Gaussian', 0.4, cifar);
    expect(noise.record.indices.slice(0, 5)).toEqual([11841, 19602, 45519, 25747, 42642]);
    expect([...bytesOf(noise.images).subarray(3 * 11841, 3 * 11841 + 3)]).toEqual([81, 219, 100]);
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
