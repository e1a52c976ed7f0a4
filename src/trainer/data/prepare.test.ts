import { describe, expect, it } from 'vitest';
import { applyNoise } from './noise';
import { prepareTrainingData, validationCount } from './prepare';
import { bytesOf } from './testing';
import type { DataSet } from './types';

const labels = Int32Array.from({ length: 100 }, (_, i) => i % 10);
const dataSet: DataSet = {
  name: 'counting',
  classNames: Array.from({ length: 10 }, (_, i) => String(i)),
  shape: [1, 2, 1],
  pixelScale: 255,
  normalization: { mean: [0], std: [1] },
  train: { images: Uint8Array.from({ length: 200 }, (_, i) => i), labels },
  test: { images: new Uint8Array(2), labels: new Int32Array(1) },
};
const noise = { type: 'corrupted_label', rate: 0.4 } as const;

describe('prepareTrainingData', () => {
  it('draws noise on the whole set, then keeps the end for validation, then takes the first', () => {
    const { train, validation, given } = prepareTrainingData(dataSet, { noise, validation: 0.2, limit: 30 }, 5);
    const whole = applyNoise(dataSet, noise, 5).given;
    expect(given).toEqual(whole);
    expect(train.length).toBe(30);
    expect(train.given).toEqual(whole.subarray(0, 30));
    expect(train.labels).toEqual(labels.subarray(0, 30));
    expect(train.images).toEqual(bytesOf(dataSet.train.images).subarray(0, 60));
    expect(validation.length).toBe(20);
    expect(validation.given).toEqual(whole.subarray(80));
    expect(validation.images).toEqual(bytesOf(dataSet.train.images).subarray(160));
  });

  it('keeps the images that image noise replaces, to be judged by', () => {
    const shuffled = { type: 'shuffled_pixels', rate: 1, seed: 3 } as const;
    const { train, validation, given } = prepareTrainingData(dataSet, { noise: shuffled, validation: 0.2 }, 5);
    const noisy = bytesOf(applyNoise(dataSet, shuffled, 5).images);
    expect(noisy).not.toEqual(dataSet.train.images);
    expect(train.images).toEqual(noisy.subarray(0, 160));
    expect(train.cleanImages).toEqual(bytesOf(dataSet.train.images).subarray(0, 160));
    expect(validation.images).toEqual(noisy.subarray(160));
    expect(validation.cleanImages).toEqual(bytesOf(dataSet.train.images).subarray(160));
    expect(given).toEqual(labels);
  });

  it('lets the limit reach no further than to the validation images', () => {
    expect(prepareTrainingData(dataSet, { validation: 0.2, limit: 1000 }, 0).train.length).toBe(80);
  });

  it('takes the noise’s own seed before the run’s', () => {
    const { noise: made } = prepareTrainingData(dataSet, { noise: { ...noise, seed: 7 }, validation: 0 }, 5);
    expect(made?.record).toMatchObject({ seed: 7, rate: 0.4 });
  });

  it('without noise gives the true labels', () => {
    const { given, noise: made, train } = prepareTrainingData(dataSet, { validation: 0 }, 0);
    expect(given).toEqual(labels);
    expect(made).toBeUndefined();
    expect(train.cleanImages).toBeUndefined();
  });

  it('refuses to leave nothing to train on', () => {
    expect(() => prepareTrainingData(dataSet, { validation: 0.99 }, 0)).toThrow('only 1 training images are left');
  });
});

it.each([
  [0, 50000, 0],
  [0.1, 50000, 5000],
  [0.29, 100, 28],
  [5000, 50000, 5000],
  [5000, 100, 100],
])('validationCount(%f, %i) is %i', (validation, samples, expected) => {
  expect(validationCount(validation, samples)).toBe(expected);
});
