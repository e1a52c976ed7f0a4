import { inflateSync } from 'node:zlib';

/** A numeric array of a MATLAB file, as MATLAB has it: column-major, the first index runs fastest. */
export interface MatArray {
  shape: number[];
  data: Uint8Array | Int8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;
}

/** Element types of the format's table 1-1 that hold numbers (little-endian, as Node.js's typed arrays are). */
const numbers = new Map<number, { size: number; make: (buffer: ArrayBuffer) => MatArray['data'] }>([
  [1, { size: 1, make: (buffer) => new Int8Array(buffer) }],
  [2, { size: 1, make: (buffer) => new Uint8Array(buffer) }],
  [3, { size: 2, make: (buffer) => new Int16Array(buffer) }],
  [4, { size: 2, make: (buffer) => new Uint16Array(buffer) }],
  [5, { size: 4, make: (buffer) => new Int32Array(buffer) }],
  [6, { size: 4, make: (buffer) => new Uint32Array(buffer) }],
  [7, { size: 4, make: (buffer) => new Float32Array(buffer) }],
  [9, { size: 8, make: (buffer) => new Float64Array(buffer) }],
]);
const matrix = 14;
const compressed = 15;
const headerBytes = 128;

interface Element {
  type: number;
  bytes: Uint8Array;
  /** Where the next element begins. */
  end: number;
}

/**
 * The real numeric arrays of a MATLAB 5 file (`save -v6` or `-v7`) by name; arrays of other kinds are left out. An
 * array's values come in the type in which they are stored, which MATLAB may choose smaller than the array's own.
 * Source: MAT-File Format, MathWorks, chapter 1.
 * @param file its name, for messages
 * @throws Error when it is not a whole file of this format, little-endian
 */
export function decodeMat(bytes: Uint8Array, file: string): Map<string, MatArray> {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, headerBytes));
  if (bytes.length < headerBytes || header.readUInt16LE(124) !== 0x0100 || header.toString('latin1', 126) !== 'IM') {
    throw new Error(`${file} is not a MATLAB 5 file, which little-endian machines save with -v7. Get it again.`);
  }
  const arrays = new Map<string, MatArray>();
  for (let at = headerBytes; at < bytes.length;) {
    const element = readElement(bytes, at, file);
    // Only elements that are not compressed are padded to 8 bytes.
    at = element.end;
    const inner = element.type === compressed ? readElement(inflate(element.bytes, file), 0, file) : element;
    if (inner.type !== matrix)
      throw new Error(`${file} is damaged: an element of type ${inner.type} is no array. Get it again.`);
    const named = readMatrix(inner.bytes, file);
    if (named) arrays.set(named.name, named.array);
  }
  return arrays;
}

/** A tag of 8 bytes and its data, or both within 8 bytes. */
function readElement(bytes: Uint8Array, at: number, file: string): Element {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (at + 8 > bytes.length) throw cutShort(file);
  const word = view.getUint32(at, true);
  const small = word >>> 16;
  const type = small > 0 ? word & 0xffff : word;
  const size = small > 0 ? small : view.getUint32(at + 4, true);
  const start = small > 0 ? at + 4 : at + 8;
  if ((small > 4 ? at + 8 : start + size) > bytes.length || small > 4) throw cutShort(file);
  const end = type === compressed ? start + size : small > 0 ? at + 8 : start + Math.ceil(size / 8) * 8;
  return { type, bytes: bytes.subarray(start, start + size), end };
}

/** Flags, dimensions, name and real part. @returns undefined for other than a real numeric array */
function readMatrix(bytes: Uint8Array, file: string): { name: string; array: MatArray } | undefined {
  const flags = readElement(bytes, 0, file);
  const [kind = 0, bits = 0] = flags.bytes;
  const isComplex = (bits & 0x08) !== 0;
  // Classes 6 to 13 are double, single and the integers of 8 to 32 bits.
  if (kind < 6 || kind > 13 || isComplex) return undefined;
  const dimensions = readElement(bytes, flags.end, file);
  const name = readElement(bytes, dimensions.end, file);
  const values = readElement(bytes, name.end, file);
  const shape = Array.from(numbersOf({ ...dimensions, type: 5 }, file));
  const data = numbersOf(values, file);
  const count = shape.reduce((product, n) => product * n, 1);
  const label = Buffer.from(name.bytes).toString('latin1');
  if (data.length !== count) {
    throw new Error(
      `${file} is damaged: ${label} has ${data.length} values for its shape ${shape.join(' × ')}. Get it again.`,
    );
  }
  return { name: label, array: { shape, data } };
}

function numbersOf({ type, bytes }: Element, file: string): MatArray['data'] {
  const format = numbers.get(type);
  if (!format || bytes.length % format.size !== 0) {
    throw new Error(`${file} is damaged: numbers of type ${type} in ${bytes.length} bytes. Get it again.`);
  }
  // A copy begins at a multiple of the size of its numbers (and a Buffer's slice() would be none).
  return format.make(new Uint8Array(bytes).buffer);
}

function inflate(bytes: Uint8Array, file: string): Uint8Array {
  try {
    return inflateSync(bytes);
  } catch (error) {
    throw new Error(`${file} is damaged (${error instanceof Error ? error.message : String(error)}). Get it again.`);
  }
}

function cutShort(file: string): Error {
  return new Error(`${file} is cut short or damaged. Get it again.`);
}
