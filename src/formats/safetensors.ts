import { open } from 'node:fs/promises';
import * as z from 'zod';

interface TypedArrays {
  F32: Float32Array;
  F64: Float64Array;
  I32: Int32Array;
  I64: BigInt64Array;
  U8: Uint8Array;
}
export type DType = keyof TypedArrays;

/** Values in row-major order; `shape` is [] for a scalar. */
export type Tensor = { [D in DType]: { dtype: D; shape: number[]; data: TypedArrays[D] } }[DType];
export type TensorData = Tensor['data'];

interface Reader {
  /** Of one value. */
  bytes: number;
  read: (buffer: ArrayBuffer, shape: number[]) => Tensor;
}

/** The types that are read. The format is little-endian, and so is every platform that runs Node.js. */
const readers = new Map<string, Reader>([
  ['F64', { bytes: 8, read: (buffer, shape) => ({ dtype: 'F64', shape, data: new Float64Array(buffer) }) }],
  ['F32', { bytes: 4, read: (buffer, shape) => ({ dtype: 'F32', shape, data: new Float32Array(buffer) }) }],
  ['F16', { bytes: 2, read: (buffer, shape) => ({ dtype: 'F32', shape, data: fromHalf(new Uint16Array(buffer)) }) }],
  ['I64', { bytes: 8, read: (buffer, shape) => ({ dtype: 'I64', shape, data: new BigInt64Array(buffer) }) }],
  ['I32', { bytes: 4, read: (buffer, shape) => ({ dtype: 'I32', shape, data: new Int32Array(buffer) }) }],
  ['U8', { bytes: 1, read: (buffer, shape) => ({ dtype: 'U8', shape, data: new Uint8Array(buffer) }) }],
]);

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
export type TensorInfo = z.output<typeof entrySchema>;

const metadataSchema = z.record(z.string(), z.string());

/** What stands in front of the data: the tensors by name, and free strings. */
export interface Header {
  tensors: Map<string, TensorInfo>;
  metadata: Record<string, string>;
}

/** Larger headers are refused, as the reference implementation does: they are a way to exhaust memory. */
const largestHeader = 100_000_000;

const again = 'Copy or download the file again.';

/**
 * A safetensors file: 8 bytes header length, JSON header padded with spaces to 8 bytes, data in the order of names.
 * @throws Error when a tensor's values are not as many as its shape says
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  let offset = 0;
  const entries = sorted.map(([name, { dtype, shape, data }]): [string, TensorInfo] => {
    if (data.length !== sizeOf(shape)) {
      throw new Error(`${name} has ${data.length} values, its shape [${shape.join(', ')}] asks for ${sizeOf(shape)}.`);
    }
    const from = offset;
    offset += data.byteLength;
    return [name, { dtype, shape, data_offsets: [from, offset] }];
  });
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([['__metadata__', metadata], ...entries])));
  const padded = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + padded + offset).fill(0x20, 8, 8 + padded);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(json, 8);
  let at = 8 + padded;
  for (const [, { data }] of sorted) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

/**
 * All tensors of a file, copied out of it. F16 comes as the same values in F32.
 * @param file its name, for messages
 * @throws Error when it is not a whole, sound safetensors file, or holds a type other than F64, F32, F16, I64, I32, U8
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  file: string,
): { tensors: Map<string, Tensor>; metadata: Record<string, string> } {
  const start = 8 + headerLength(bytes, bytes.length, file);
  const header = parseHeader(bytes.subarray(8, start), bytes.length - start, file);
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data_offsets }] of header.tensors) {
    const reader = readers.get(dtype);
    if (!reader) {
      const known = [...readers.keys()].join(', ');
      throw new Error(`${file}: ${name} is of type ${dtype}; only ${known} are read. Save it as one of these.`);
    }
    const copy = new Uint8Array(bytes.subarray(start + data_offsets[0], start + data_offsets[1]));
    tensors.set(name, reader.read(copy.buffer, shape));
  }
  return { tensors, metadata: header.metadata };
}

/** Only the header of a file on disk, however large its data. @throws Error as {@link decodeSafetensors} */
export async function readSafetensorsHeader(file: string): Promise<Header> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const start = new Uint8Array(8);
    const { bytesRead } = await handle.read(start, 0, 8, 0);
    const length = headerLength(start.subarray(0, bytesRead), size, file);
    const json = new Uint8Array(length);
    await handle.read(json, 0, length, 8);
    return parseHeader(json, size - 8 - length, file);
  } finally {
    await handle.close();
  }
}

function headerLength(start: Uint8Array, fileSize: number, file: string): number {
  if (start.length < 8)
    throw new Error(`${file} is not a safetensors file: it has only ${start.length} bytes. ${again}`);
  const length = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true));
  if (length > largestHeader) throw new Error(`${file} is not a safetensors file: its header claims ${length} bytes.`);
  if (8 + length > fileSize) {
    throw new Error(`${file} is cut short: of a header of ${length} bytes ${fileSize - 8} are there. ${again}`);
  }
  return length;
}

function parseHeader(json: Uint8Array, dataSize: number, file: string): Header {
  const entries = jsonObject(json);
  if (!entries) throw new Error(`${file} is not a safetensors file: its header is not a JSON object.`);
  const tensors = new Map<string, TensorInfo>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of entries) {
    if (name === '__metadata__') {
      const strings = metadataSchema.safeParse(entry);
      if (!strings.success) throw new Error(`${file}: the header’s __metadata__ must be an object of strings.`);
      metadata = strings.data;
      continue;
    }
    const info = entrySchema.safeParse(entry);
    if (!info.success) {
      const at = info.error.issues[0]?.path.join('.') ?? '';
      throw new Error(`${file}: the header’s entry of ${name} is not a tensor’s (${at || 'its form'} is wrong).`);
    }
    tensors.set(name, info.data);
  }
  checkOffsets(tensors, dataSize, file);
  return { tensors, metadata };
}

/** @returns its entries, or undefined when it is not a JSON object */
function jsonObject(json: Uint8Array): [string, unknown][] | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : undefined;
  } catch {
    return undefined;
  }
}

/** The data must be exactly the tensors, one after the other: no gap, no overlap, nothing missing, nothing more. */
function checkOffsets(tensors: ReadonlyMap<string, TensorInfo>, dataSize: number, file: string): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => {
    return a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1];
  });
  let end = 0;
  for (const [name, { dtype, shape, data_offsets }] of inOrder) {
    const [from, to] = data_offsets;
    if (from !== end || to < from) {
      throw new Error(`${file}: the data of ${name} are said to be bytes ${from} to ${to}, expected from ${end} on.`);
    }
    const expected = sizeOf(shape) * (readers.get(dtype)?.bytes ?? NaN);
    if (!Number.isNaN(expected) && to - from !== expected) {
      throw new Error(`${file}: ${name} has ${to - from} bytes, its shape [${shape.join(', ')}] asks for ${expected}.`);
    }
    end = to;
  }
  if (end > dataSize)
    throw new Error(`${file} is cut short: ${end - dataSize} bytes of its tensors are missing. ${again}`);
  if (end < dataSize) throw new Error(`${file} has ${dataSize - end} bytes after its last tensor. ${again}`);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** IEEE 754 half precision: 1 sign, 5 exponent and 10 fraction bits; every value is exact in single precision. */
function fromHalf(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}
