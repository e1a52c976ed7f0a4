import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeMat } from './mat';
import { element, matFile, matrix } from './mat.testing';

const decode = (...elements: Buffer[]) => decodeMat(matFile(...elements), 'x.mat');

describe('decodeMat', () => {
  it('reads arrays of bytes, compressed or not', () => {
    const x = matrix('X', 9, [2, 3], element(2, Buffer.from([1, 2, 3, 4, 5, 6])));
    const y = matrix('y', 9, [3, 1], element(2, Buffer.from([7, 8, 9])));
    const expected = new Map([
      ['X', { shape: [2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 6) }],
      ['y', { shape: [3, 1], data: Uint8Array.of(7, 8, 9) }],
    ]);
    expect(decode(x, y)).toEqual(expected);
    const packed = (bytes: Buffer) => element(15, deflateSync(bytes), false);
    expect(decode(packed(x), packed(y))).toEqual(expected);
  });

  it('reads numbers that are stored smaller than their class, and as doubles', () => {
    const small = element(2, Buffer.from([10, 1]), true, true);
    const doubles = Buffer.alloc(16);
    doubles.writeDoubleLE(2.5);
    doubles.writeDoubleLE(-1, 8);
    expect(decode(matrix('a', 6, [2, 1], small), matrix('b', 6, [1, 2], element(9, doubles)))).toEqual(
      new Map<string, unknown>([
        ['a', { shape: [2, 1], data: Uint8Array.of(10, 1) }],
        ['b', { shape: [1, 2], data: Float64Array.of(2.5, -1) }],
      ]),
    );
  });

  it('leaves out what is no array of numbers', () => {
    expect(decode(matrix('txt', 4, [1, 1], element(4, Buffer.from([65, 0]))))).toEqual(new Map());
  });

  const x = matrix('X', 9, [2, 3], element(2, Buffer.from([1, 2, 3, 4, 5, 6])));
  const packed = element(15, deflateSync(x), false);
  it.each<[string, Buffer, string]>([
    ['another file', Buffer.alloc(200), 'x.mat is not a MATLAB 5 file'],
    ['a file cut short', matFile(x).subarray(0, -9), 'x.mat is cut short or damaged'],
    ['a compressed file cut short', matFile(packed).subarray(0, -3), 'x.mat is cut short or damaged'],
    ['a damaged compressed array', matFile(element(15, Buffer.alloc(16, 0x55), false)), 'x.mat is damaged ('],
    [
      'fewer values than the shape says',
      matFile(matrix('X', 9, [2, 4], element(2, Buffer.from([1, 2, 3, 4, 5, 6])))),
      'X has 6 values for its shape 2 × 4',
    ],
    ['an element that is no array', matFile(element(2, Buffer.alloc(8))), 'an element of type 2 is no array'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeMat(bytes, 'x.mat')).toThrow(message);
  });
});
