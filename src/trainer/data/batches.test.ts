import { describe, expect, it } from 'vitest';
import { batchRandom, epochOrder, randomStreams } from './batches';
import { gatherImages } from './imageSource';

describe('batches', () => {
  it('orders an epoch as NumPy’s RandomState([seed, 1, epoch, 0]).permutation(n)', () => {
    expect([...epochOrder(3, 2, 10)]).toEqual([4, 6, 9, 8, 5, 7, 3, 1, 0, 2]);
  });

  it('visits every sample once, in another order each epoch and seed', () => {
    const orders = [epochOrder(0, 0, 1437), epochOrder(0, 1, 1437), epochOrder(1, 0, 1437)];
    for (const order of orders) expect([...order].sort((a, b) => a - b)).toEqual([...Array(1437).keys()]);
    expect(new Set(orders.map(String)).size).toBe(3);
  });

  it('has a generator of its own for each use, epoch and step', () => {
    const first = [
      batchRandom(0, randomStreams.order, 0, 0),
      batchRandom(0, randomStreams.augmentation, 0, 0),
      batchRandom(0, randomStreams.augmentation, 1, 0),
      batchRandom(0, randomStreams.augmentation, 0, 1),
    ].map((random) => random.raw());
    expect(new Set(first).size).toBe(4);
    expect(batchRandom(0, randomStreams.order, 0, 0).raw()).toBe(first[0]);
  });

  it('gathers rows of images', () => {
    const images = Uint8Array.from({ length: 12 }, (_, i) => i);
    expect([...gatherImages(images, Int32Array.of(2, 0), [1, 2, 2])]).toEqual([8, 9, 10, 11, 0, 1, 2, 3]);
  });
});
