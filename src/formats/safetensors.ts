import { open } from 'node:fs/promises';
import * as z from 'zod';

export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** Values in row-major order. */
export interface Tensor {
  dtype: DType;
  shape: number[];
  data: TensorData;
}

const dtypes = {
  F32: { bytes: 4, make: (buffer: ArrayBuffer) => new Float32Array(buffer) },
  F64: { bytes: 8, make: (buffer: ArrayBuffer) => new Float64Array(buffer) },
  I32: { bytes: 4, make: (buffer: ArrayBuffer) => new Int32Array(buffer) },
  I64: { bytes: 8, make: (buffer: ArrayBuffer) => new BigInt64Array(buffer) },
  U8: { bytes: 1, make: (buffer: ArrayBuffer) => new Uint8Array(buffer) },
} as const;
export type DType = keyof typeof dtypes;

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
export type TensorInfo = z.output<typeof entrySchema>;

/** What stands in front of the data: the tensors by name, and free strings. */
export interface Header {
  tensors: Map<string, TensorInfo>;
  metadata: Record<string, string>;
}

/** Larger headers are refused, as the reference implementation does: they are a way to exhaust memory. */
const largestHeader = 100_000_000;

/** A safetensors file: 8 bytes header length, JSON header padded with spaces to 8 bytes, data in the order of names. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const names = [...tensors.keys()].sort();
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  const parts = names.map((name) => {
    const { dtype, shape, data } = tensors.get(name) ?? { dtype: 'F32', shape: [], data: new Float32Array() };
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
    return bytes;
  });
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + padded + offset).fill(0x20, 8, 8 + padded);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(json, 8);
  let at = 8 + padded;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/**
 * All tensors of a file, copied out of it.
 * @param file its name, for messages
 * @throws Error when it is not a whole, sound safetensors file, or holds a type other than F32, F64, I32, I64 and U8
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  file: string,
): { tensors: Map<string, Tensor>; metadata: Record<string, string> } {
  const length = headerLength(bytes, bytes.length, file);
  const header = parseHeader(bytes.subarray(8, 8 + length), bytes.length - 8 - length, file);
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data_offsets }] of header.tensors) {
    if (!isDType(dtype)) throw new Error(`${file}: ${name} has the type ${dtype}, which is not read here.`);
    const from = 8 + length + data_offsets[0];
    const copy = new Uint8Array(bytes.subarray(from, 8 + length + data_offsets[1]));
    tensors.set(name, { dtype, shape, data: dtypes[dtype].make(copy.buffer) });
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

function isDType(name: string): name is DType {
  return name in dtypes;
}

function headerLength(start: Uint8Array, fileSize: number, file: string): number {
  if (start.length < 8) throw new Error(`${file} is not a safetensors file: it has only ${start.length} bytes.`);
  const length = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true));
  if (length > largestHeader) throw new Error(`${file} is not a safetensors file: its header claims ${length} bytes.`);
  if (8 + length > fileSize) throw new Error(`${file} is cut short: its header of ${length} bytes is not all there.`);
  return length;
}

function parseHeader(json: Uint8Array, dataSize: number, file: string): Header {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch {
    throw new Error(`${file} is not a safetensors file: its header is not JSON.`);
  }
  const { __metadata__, ...rest } = z.record(z.string(), z.unknown()).catch({}).parse(value);
  const tensors = new Map<string, TensorInfo>();
  for (const [name, entry] of Object.entries(rest)) {
    const info = entrySchema.safeParse(entry);
    if (!info.success) throw new Error(`${file}: the header's entry of ${name} is not a tensor's.`);
    tensors.set(name, info.data);
  }
  checkOffsets(tensors, dataSize, file);
  return { tensors, metadata: z.record(z.string(), z.string()).catch({}).parse(__metadata__) };
}

/** The data must be exactly the tensors, one after the other: no gap, no overlap, nothing missing. */
function checkOffsets(tensors: ReadonlyMap<string, TensorInfo>, dataSize: number, file: string): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
  let end = 0;
  for (const [name, { dtype, shape, data_offsets }] of inOrder) {
    const [from, to] = data_offsets;
    if (from !== end || to < from) throw new Error(`${file}: the data of ${name} overlap or leave a gap.`);
    const expected = shape.reduce((product, n) => product * n, 1) * (isDType(dtype) ? dtypes[dtype].bytes : NaN);
    if (isDType(dtype) && to - from !== expected) {
      throw new Error(`${file}: ${name} has ${to - from} bytes, its shape asks for ${expected}.`);
    }
    end = to;
  }
  if (end > dataSize) throw new Error(`${file} is cut short: ${end - dataSize} bytes of its tensors are missing.`);
}
