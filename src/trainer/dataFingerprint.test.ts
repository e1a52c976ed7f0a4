import { describe, expect, it } from 'vitest';
import type { DataSet } from './data/types';
import { dataFingerprint } from './dataFingerprint';

/** So few images that all of them are looked at. */
function data(change: (data: DataSet) => void = () => {}): DataSet {
  const split = (n: number) => ({
    images: Uint8Array.from({ length: n * 4 }, (_, i) => i % 251),
    labels: Int32Array.from({ length: n }, (_, i) => i % 2),
  });
  const made: DataSet = {
    name: 'made',
    classNames: ['a', 'b'],
    shape: [2, 2, 1],
    pixelScale: 255,
    normalization: { mean: [0], std: [1] },
    train: split(20),
    test: split(10),
  };
  change(made);
  return made;
}

/** The same images, as they come from a file. */
function streamed(set: DataSet): void {
  const bytes = set.train.images as Uint8Array;
  const read = (image: number, into: Uint8Array) => into.set(bytes.subarray(image * 4, image * 4 + 4));
  set.train.images = { count: 20, imageBytes: 4, read };
}

describe('the fingerprint of a data set', () => {
  it('is short, and that of the same data wherever they lie', () => {
    expect(dataFingerprint(data())).toMatch(/^sha256:[0-9a-f]{16}$/);
    expect(dataFingerprint(data())).toBe(dataFingerprint(data()));
    expect(dataFingerprint(data(streamed))).toBe(dataFingerprint(data()));
  });

  it.each<[string, (set: DataSet) => void]>([
    ['a label', ({ train }) => (train.labels[19] = 0)],
    ['a test label', ({ test }) => (test.labels[0] = 1)],
    ['a pixel', ({ train }) => ((train.images as Uint8Array)[79] = 9)],
    ['a test pixel', ({ test }) => ((test.images as Uint8Array)[0] = 9)],
    ['one image less', (set) => (set.test = { images: new Uint8Array(36), labels: set.test.labels.subarray(1) })],
    ['the size', (set) => (set.shape = [1, 4, 1])],
    ['the classes', (set) => (set.classNames = ['b', 'a'])],
  ])('changes with %s', (_what, change) => {
    expect(dataFingerprint(data(change))).not.toBe(dataFingerprint(data()));
  });
});
