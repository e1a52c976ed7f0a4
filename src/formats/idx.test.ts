import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeIdx } from './idx';

const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9);
const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4);

describe('idx', () => {
  it('reads labels and images', () => {
    expect(decodeIdx(labels, 1, 'x')).toEqual({ shape: [3], data: Uint8Array.of(7, 8, 9) });
    expect(decodeIdx(images, 3, 'x')).toEqual({ shape: [2, 1, 2], data: Uint8Array.of(1, 2, 3, 4) });
  });

  it('reads gzip whatever the name says', () => {
    expect(decodeIdx(gzipSync(images), 3, 'train-images-idx3-ubyte').shape).toEqual([2, 1, 2]);
    expect(decodeIdx(images, 3, 'train-images-idx3-ubyte.gz').shape).toEqual([2, 1, 2]);
  });

  it.each([
    ['labels for images', labels, 3, 'IDX file of images: it should begin with 0x00000803, found 0x00000801 (labels)'],
    ['images for labels', images, 1, 'found 0x00000803 (images)'],
    ['32-bit values', labels.map((byte, i) => (i === 2 ? 0x0c : byte)), 1, 'found 0x00000c01'],
    ['nothing', new Uint8Array(), 1, 'found only 0 bytes'],
    ['a header cut off', images.subarray(0, 10), 3, 'its header takes 16 bytes, found 10'],
    ['data cut off', images.subarray(0, -1), 3, 'expected 2 × 1 × 2 = 4 bytes of data, found 3'],
    ['data too many', Uint8Array.from([...labels, 0]), 1, 'expected 3 = 3 bytes of data, found 4'],
    ['gzip cut off', gzipSync(images).subarray(0, -9), 3, 'not a whole gzip file'],
    ['absurd dimensions', images.map((byte, i) => (i >= 4 && i < 16 ? 0xff : byte)), 3, 'found 4'],
  ])('refuses %s, naming the file', (_, bytes, dimensions, message) => {
    const decode = () => decodeIdx(bytes, dimensions, 'broken-ubyte');
    expect(decode).toThrow(message);
    expect(decode).toThrow('broken-ubyte');
  });
});
