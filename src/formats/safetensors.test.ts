import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { missingPython, runPython } from '../../test/support/python';
import { decodeSafetensors, encodeSafetensors, readSafetensorsHeader, type Tensor } from './safetensors';

const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));

const tensors = new Map<string, Tensor>([
  ['w', { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, -2.5, 3, NaN, Infinity, 1e-45) }],
  ['bytes', { dtype: 'U8', shape: [3], data: Uint8Array.of(0, 128, 255) }],
  ['double', { dtype: 'F64', shape: [], data: Float64Array.of(Math.PI) }],
  ['counts/é', { dtype: 'I32', shape: [2], data: Int32Array.of(-1, 2 ** 31 - 1) }],
  ['long', { dtype: 'I64', shape: [2], data: BigInt64Array.of(-(2n ** 63n), 7n) }],
  ['empty', { dtype: 'F32', shape: [0, 4], data: new Float32Array() }],
]);

/** A file with any header, to see it refused. */
function fileWith(header: unknown, dataSize = 0, json = JSON.stringify(header)): Uint8Array {
  const bytes = new TextEncoder().encode(json);
  const file = new Uint8Array(8 + bytes.length + dataSize);
  new DataView(file.buffer).setBigUint64(0, BigInt(bytes.length), true);
  file.set(bytes, 8);
  return file;
}

const f32 = (shape: number[], data_offsets: number[]) => ({ dtype: 'F32', shape, data_offsets });

describe('safetensors', () => {
  it('gives back what was written', () => {
    const decoded = decodeSafetensors(encodeSafetensors(tensors, { step: '3' }), 'x');
    expect(decoded.metadata).toEqual({ step: '3' });
    expect([...decoded.tensors].sort()).toEqual([...tensors].sort());
  });

  it('writes names in order and begins the data at a multiple of 8', () => {
    const file = encodeSafetensors(tensors);
    const length = Number(new DataView(file.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const names = [...decodeSafetensors(file, 'x').tensors.keys()];
    expect(names).toEqual([...names].sort());
  });

  it('refuses to write values that do not fill their shape', () => {
    const wrong: Tensor = { dtype: 'F32', shape: [2], data: new Float32Array(3) };
    expect(() => encodeSafetensors(new Map([['w', wrong]]))).toThrow('w has 3 values, its shape [2] asks for 2.');
  });

  it('reads half precision as its values', () => {
    const file = fileWith({ h: { dtype: 'F16', shape: [6], data_offsets: [0, 12] } }, 12);
    new Uint8Array(file.buffer).set(
      new Uint8Array(Uint16Array.of(0x3c00, 0xc100, 0x0001, 0x7bff, 0xfc00, 0x8000).buffer),
      file.length - 12,
    );
    const values = decodeSafetensors(file, 'x').tensors.get('h')?.data;
    expect(values).toEqual(Float32Array.of(1, -2.5, 2 ** -24, 65504, -Infinity, -0));
  });

  it('reads only the header of a file', async () => {
    const file = join(folder, 'header.safetensors');
    writeFileSync(file, encodeSafetensors(tensors, { a: 'b' }));
    const { metadata, tensors: infos } = await readSafetensorsHeader(file);
    expect(metadata).toEqual({ a: 'b' });
    expect(infos.get('w')).toMatchObject({ dtype: 'F32', shape: [2, 3] });
  });

  const whole = encodeSafetensors(tensors);
  const endless = new Uint8Array(16).fill(0xff);
  it.each([
    ['nothing', new Uint8Array(), 'only 0 bytes'],
    ['an absurd header length', endless, 'its header claims'],
    ['a header longer than the file', whole.subarray(0, 20), 'cut short'],
    ['data cut off', whole.subarray(0, whole.length - 1), 'cut short: 1 bytes of its tensors are missing'],
    ['data too many', new Uint8Array([...whole, 0]), '1 bytes after its last tensor'],
    ['a header that is not JSON', fileWith(undefined, 0, '{"a":'), 'not a JSON object'],
    ['a header that is a list', fileWith([]), 'not a JSON object'],
    ['a header that is not UTF-8', fileWith({}).map((byte, i) => (i === 8 ? 0xff : byte)), 'not a JSON object'],
    ['an entry that is no tensor', fileWith({ w: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }), 'shape.0'],
    ['metadata that are not strings', fileWith({ __metadata__: { step: 3 } }), '__metadata__'],
    ['overlapping tensors', fileWith({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12), 'data of b'],
    ['a gap', fileWith({ a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, 12), 'expected from 4 on'],
    ['offsets that run backwards', fileWith({ a: f32([1], [0, -4]) }, 4), 'data_offsets.1'],
    ['offsets out of range', fileWith({ a: f32([2 ** 40], [0, 2 ** 42]) }, 4), 'cut short'],
    ['a size that contradicts the shape', fileWith({ a: f32([3], [0, 8]) }, 8), '[3] asks for 12'],
    ['a type that is not read', fileWith({ a: { dtype: 'BF16', shape: [1], data_offsets: [0, 2] } }, 2), 'BF16'],
  ])('refuses %s, naming the file', (_, bytes, message) => {
    const decode = () => decodeSafetensors(bytes, 'broken.safetensors');
    expect(decode).toThrow(message);
    expect(decode).toThrow('broken.safetensors');
  });

  it('refuses a broken header on disk with the same words', async () => {
    const file = join(folder, 'broken.safetensors');
    writeFileSync(file, whole.subarray(0, whole.length - 1));
    await expect(readSafetensorsHeader(file)).rejects.toThrow(`${file} is cut short`);
  });
});

const missing = missingPython('numpy', 'safetensors');
describe.skipIf(missing)(`safetensors and Python${missing ? ` (skipped: ${missing})` : ''}`, () => {
  it('Python reads what is written here', () => {
    const file = join(folder, 'ours.safetensors');
    writeFileSync(file, encodeSafetensors(tensors, { note: 'x' }));
    const program = `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], 'np') as f:
    t = {n: f.get_tensor(n) for n in f.keys()}
    print(json.dumps([f.metadata(), {n: [str(a.dtype), list(a.shape), [repr(v) for v in a.ravel().tolist()]] for n, a in t.items()}]))`;
    expect(JSON.parse(runPython(program, file))).toEqual([
      { note: 'x' },
      {
        w: ['float32', [2, 3], ['1.0', '-2.5', '3.0', 'nan', 'inf', '1.401298464324817e-45']],
        bytes: ['uint8', [3], ['0', '128', '255']],
        double: ['float64', [], ['3.141592653589793']],
        'counts/é': ['int32', [2], ['-1', '2147483647']],
        long: ['int64', [2], ['-9223372036854775808', '7']],
        empty: ['float32', [0, 4], []],
      },
    ]);
  });

  it('what Python writes is read here', () => {
    const file = join(folder, 'theirs.safetensors');
    const program = `
import sys, numpy as np
from safetensors.numpy import save_file
save_file({'a': np.arange(6, dtype='f4').reshape(2, 3), 'b': np.array([1.5, -2], 'f2'), 'c': np.array(5, 'i8')}, sys.argv[1], {'k': 'v'})`;
    runPython(program, file);
    const { tensors: read, metadata } = decodeSafetensors(readFileSync(file), file);
    expect(metadata).toEqual({ k: 'v' });
    expect(read.get('a')).toEqual({ dtype: 'F32', shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) });
    expect(read.get('b')?.data).toEqual(Float32Array.of(1.5, -2));
    expect(read.get('c')).toEqual({ dtype: 'I64', shape: [], data: BigInt64Array.of(5n) });
  });
});
