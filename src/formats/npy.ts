/** What is written; these and float64, int64 and uint64 are read. */
export type NpyData = Float32Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

/** A NumPy array file's values, row-major; `shape` is [] for a scalar. */
export interface NpyArray<Data = NpyData | Float64Array | BigInt64Array | BigUint64Array> {
  shape: number[];
  data: Data;
}

type AnyData = NpyArray['data'];

/** How NumPy calls a type, without its byte order. The format's numbers here and Node.js's are little-endian. */
const types = new Map<string, (buffer: ArrayBuffer) => AnyData>([
  ['f4', (buffer) => new Float32Array(buffer)],
  ['f8', (buffer) => new Float64Array(buffer)],
  ['i1', (buffer) => new Int8Array(buffer)],
  ['u1', (buffer) => new Uint8Array(buffer)],
  ['b1', (buffer) => new Uint8Array(buffer)],
  ['i2', (buffer) => new Int16Array(buffer)],
  ['u2', (buffer) => new Uint16Array(buffer)],
  ['i4', (buffer) => new Int32Array(buffer)],
  ['u4', (buffer) => new Uint32Array(buffer)],
  ['i8', (buffer) => new BigInt64Array(buffer)],
  ['u8', (buffer) => new BigUint64Array(buffer)],
]);

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/**
 * A `.npy` file, format 1.0, little-endian, C order.
 * @throws Error when the values are not as many as the shape says
 */
export function encodeNpy({ shape, data }: NpyArray<NpyData>): Uint8Array {
  if (data.length !== sizeOf(shape)) {
    throw new Error(`${data.length} values do not fill an array of shape [${shape.join(', ')}].`);
  }
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descriptor(data)}', 'fortran_order': False, 'shape': (${tuple}), }`;
  // Magic, version and length take 10 bytes; the data begin at a multiple of 64, and the header ends with a newline.
  const total = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = text.padEnd(total - 11) + '\n';
  const file = new Uint8Array(total + data.byteLength);
  file.set([...magic, 1, 0]);
  new DataView(file.buffer).setUint16(8, header.length, true);
  file.set(new TextEncoder().encode(header), 10);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), total);
  return file;
}

/**
 * A `.npy` file of format 1 to 3, either byte order, C or Fortran order; booleans come as bytes 0 and 1.
 * @param file its name, for messages
 * @throws Error when it is not a whole .npy file, or holds other than numbers or booleans (objects are never unpickled)
 */
export function decodeNpy(bytes: Uint8Array, file: string): NpyArray {
  if (bytes.length < 12 || magic.some((byte, i) => bytes[i] !== byte)) {
    throw new Error(`${file} is not a .npy file: it should begin with the bytes 93 4E 55 4D 50 59.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(6);
  if (version < 1 || version > 3) {
    throw new Error(`${file} is a .npy file of format ${version}; 1 to 3 are read. Save it with numpy.save again.`);
  }
  const headerAt = version === 1 ? 10 : 12;
  const start = headerAt + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (start > bytes.length) {
    throw new Error(`${file} is cut short: its header should end at byte ${start} of ${bytes.length}. Get it again.`);
  }
  const header = parseHeader(new TextDecoder().decode(bytes.subarray(headerAt, start)), file);
  return arrayOf(header, bytes.subarray(start), file);
}

/** How the bytes of an array are to be read. */
export interface NpyLayout {
  /** `>` for the larger end first. */
  order: string;
  /** Kind and bytes of a value, such as `f4`. */
  type: string;
  /** Column-major. */
  fortran: boolean;
  shape: number[];
}

/**
 * The values of an array, row-major.
 * @param file its name, for messages
 * @throws Error when the values are other than numbers or booleans, or not as many as the shape says
 */
export function arrayOf({ order, type, fortran, shape }: NpyLayout, bytes: Uint8Array, file: string): NpyArray {
  const make = types.get(type);
  if (!make) {
    throw new Error(`${file} holds values of type '${type}'; only ${[...types.keys()].join(', ')} are read.`);
  }
  const itemSize = Number(type.slice(1));
  const expected = sizeOf(shape) * itemSize;
  if (bytes.length !== expected) {
    throw new Error(
      `${file} is damaged: its shape [${shape.join(', ')}] asks for ${expected} bytes of data, ${bytes.length} are there. Get it again.`,
    );
  }
  const copy = new Uint8Array(bytes);
  if (order === '>') for (let at = 0; at < copy.length; at += itemSize) copy.subarray(at, at + itemSize).reverse();
  const data = make((fortran ? toRowMajor(copy, shape, itemSize) : copy).buffer);
  return { shape, data };
}

/** The header is a Python literal that NumPy itself writes in one form. */
function parseHeader(text: string, file: string): NpyLayout {
  const descr = /'descr':\s*'([<>|=]?)(\w+)'/.exec(text);
  const fortran = /'fortran_order':\s*(True|False)/.exec(text);
  const shape = /'shape':\s*\(([\d\s,L]*)\)/.exec(text);
  if (!descr || !fortran || !shape) {
    throw new Error(`${file} has a header that is not read here (only plain arrays are): ${text.trim().slice(0, 200)}`);
  }
  const dimensions = (shape[1] ?? '').split(',').filter((n) => n.trim() !== '');
  return {
    order: descr[1] ?? '',
    type: descr[2] ?? '',
    fortran: fortran[1] === 'True',
    shape: dimensions.map((n) => Number.parseInt(n, 10)),
  };
}

/** Column-major bytes (first index fastest) as row-major ones. */
function toRowMajor(columns: Uint8Array<ArrayBuffer>, shape: readonly number[], itemSize: number) {
  const rows = new Uint8Array(columns.length);
  const index = shape.map(() => 0);
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)) * itemSize);
  for (let to = 0; to < rows.length; to += itemSize) {
    const from = index.reduce((sum, i, axis) => sum + i * (strides[axis] ?? 0), 0);
    rows.set(columns.subarray(from, from + itemSize), to);
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      const next = (index[axis] ?? 0) + 1;
      index[axis] = next === shape[axis] ? 0 : next;
      if (index[axis] !== 0) break;
    }
  }
  return rows;
}

function descriptor(data: NpyData): string {
  const unsigned = data instanceof Uint8Array || data instanceof Uint16Array || data instanceof Uint32Array;
  const kind = data instanceof Float32Array ? 'f' : unsigned ? 'u' : 'i';
  return `${data.BYTES_PER_ELEMENT === 1 ? '|' : '<'}${kind}${data.BYTES_PER_ELEMENT}`;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
