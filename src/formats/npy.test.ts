import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { missingPython, runPython } from '../../test/support/python';
import { decodeNpy, encodeNpy, type NpyArray, type NpyData } from './npy';

const folder = mkdtempSync(join(tmpdir(), 'npy-'));
afterAll(() => rmSync(folder, { recursive: true }));

const arrays: [string, NpyArray<NpyData>][] = [
  ['float32', { shape: [2, 3], data: Float32Array.of(1, -2.5, 0.1, NaN, Infinity, 4) }],
  ['int8', { shape: [2], data: Int8Array.of(-128, 127) }],
  ['uint8', { shape: [3, 1], data: Uint8Array.of(0, 7, 255) }],
  ['int16', { shape: [1], data: Int16Array.of(-300) }],
  ['uint16', { shape: [1], data: Uint16Array.of(65535) }],
  ['int32', { shape: [2], data: Int32Array.of(-5, 2 ** 31 - 1) }],
  ['uint32', { shape: [], data: Uint32Array.of(2 ** 32 - 1) }],
  ['nothing', { shape: [0, 10], data: new Float32Array() }],
];

/** A file of format 1 with any header and data. */
function fileWith(header: string, data: ArrayLike<number>, version = 1): Uint8Array {
  const text = new TextEncoder().encode(header + '\n');
  const length = version === 1 ? [text.length, 0] : [text.length, 0, 0, 0];
  return Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, ...length, ...text, ...Array.from(data)]);
}

const header = (descr: string, shape: string, fortran = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;

describe('npy', () => {
  it.each(arrays)('gives back %s', (_, array) => {
    const file = encodeNpy(array);
    expect(decodeNpy(file, 'x')).toEqual(array);
    expect((file.length - array.data.byteLength) % 64).toBe(0);
  });

  it('calls a Buffer unsigned bytes', () => {
    const decoded = decodeNpy(encodeNpy({ shape: [1], data: Buffer.of(200) }), 'x');
    expect(decoded.data).toEqual(Uint8Array.of(200));
  });

  it.each([1, 2, 3])('reads format %i', (version) => {
    expect(decodeNpy(fileWith(header('|u1', '(2,)'), [1, 2], version), 'x')).toEqual({
      shape: [2],
      data: Uint8Array.of(1, 2),
    });
  });

  it('reads big-endian numbers', () => {
    expect(decodeNpy(fileWith(header('>i2', '(2,)'), [1, 2, 255, 254]), 'x').data).toEqual(Int16Array.of(258, -2));
  });

  it('reads Fortran order as row-major', () => {
    const columns = Array.from({ length: 24 }, (_, i) => i);
    const { data } = decodeNpy(fileWith(header('|u1', '(2, 3, 4)', 'True'), columns), 'x');
    // Element [i, j, k] of a column-major array stands at i + 2 j + 6 k.
    const expected = [0, 1].flatMap((i) => [0, 1, 2].flatMap((j) => [0, 1, 2, 3].map((k) => i + 2 * j + 6 * k)));
    expect([...data]).toEqual(expected);
  });

  it.each([
    ['something else', new TextEncoder().encode('PK\x03\x04 and so on'), 'not a .npy file'],
    ['nothing', new Uint8Array(), 'not a .npy file'],
    ['a later format', fileWith(header('|u1', '(0,)'), [], 4), 'format 4'],
    ['a header cut off', fileWith(header('|u1', '(2,)'), []).subarray(0, 30), 'cut short'],
    ['data cut off', fileWith(header('<f4', '(2,)'), [0, 0, 0, 0]), '[2] asks for 8 bytes of data, 4 are there'],
    ['objects', fileWith(header('|O', '(1,)'), [0]), "type 'O'"],
    ['records', fileWith("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", []), 'only plain'],
  ])('refuses %s, naming the file', (_, bytes, message) => {
    const decode = () => decodeNpy(bytes, 'broken.npy');
    expect(decode).toThrow(message);
    expect(decode).toThrow('broken.npy');
  });

  it('refuses to write values that do not fill the shape', () => {
    expect(() => encodeNpy({ shape: [2, 2], data: new Float32Array(3) })).toThrow('shape [2, 2]');
  });
});

const missing = missingPython('numpy');
describe.skipIf(missing)(`npy and NumPy${missing ? ` (skipped: ${missing})` : ''}`, () => {
  it('NumPy reads what is written here', () => {
    for (const [name, array] of arrays) writeFileSync(join(folder, `${name}.npy`), encodeNpy(array));
    const program = `
import json, sys, numpy as np
read = [np.load(f'{sys.argv[1]}/{n}.npy') for n in sys.argv[2:]]
print(json.dumps([[str(a.dtype), list(a.shape), [str(v) for v in a.ravel().tolist()]] for a in read]))`;
    const read: unknown = JSON.parse(runPython(program, folder, ...arrays.map(([name]) => name)));
    expect(read).toEqual([
      ['float32', [2, 3], ['1.0', '-2.5', '0.10000000149011612', 'nan', 'inf', '4.0']],
      ['int8', [2], ['-128', '127']],
      ['uint8', [3, 1], ['0', '7', '255']],
      ['int16', [1], ['-300']],
      ['uint16', [1], ['65535']],
      ['int32', [2], ['-5', '2147483647']],
      ['uint32', [], ['4294967295']],
      ['float32', [0, 10], []],
    ]);
  });

  it('what NumPy writes is read here', () => {
    const file = join(folder, 'theirs.npy');
    const write = (array: string) => {
      runPython(`import sys, numpy as np\nnp.save(sys.argv[1], ${array})`, file);
      return decodeNpy(readFileSync(file), file);
    };
    expect(write('np.asfortranarray(np.arange(6).reshape(2, 3))')).toEqual({
      shape: [2, 3],
      data: BigInt64Array.of(0n, 1n, 2n, 3n, 4n, 5n),
    });
    expect(write("np.array([[1.5], [2]], '>f8')")).toEqual({ shape: [2, 1], data: Float64Array.of(1.5, 2) });
    expect(write('np.array([True, False])').data).toEqual(Uint8Array.of(1, 0));
  });
});
