import { gunzipSync } from 'node:zlib';

/** An IDX array of bytes (the format of MNIST's files). */
export interface IdxArray {
  /** [n] for labels, [n, height, width] for images. */
  shape: number[];
  data: Uint8Array;
}

/**
 * Reads an IDX file of unsigned bytes: two zero bytes, type 0x08, number of dimensions, each as a big-endian 32-bit
 * integer, then the data. Gzip is recognised by its own magic, whatever the file is called.
 * @param dimensions how many are expected: 1 for labels, 3 for images
 * @param file its name, for messages
 * @throws Error that names the file, what was expected and what was found
 */
export function decodeIdx(bytes: Uint8Array, dimensions: number, file: string): IdxArray {
  const raw = bytes[0] === 0x1f && bytes[1] === 0x8b ? unzip(bytes, file) : bytes;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const expected = 0x0800 + dimensions;
  const magic = raw.length >= 4 ? view.getUint32(0) : undefined;
  if (magic !== expected) {
    const what = dimensions === 1 ? 'labels' : 'images';
    const found = magic === undefined ? `only ${raw.length} bytes` : describeMagic(magic);
    throw new Error(
      `${file} is not an IDX file of ${what}: it should begin with ${hex(expected)}, found ${found}. Put the right file there.`,
    );
  }
  const start = 4 + 4 * dimensions;
  if (raw.length < start) {
    throw new Error(`${file} is cut short: its header takes ${start} bytes, found ${raw.length}. Get the file again.`);
  }
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const size = shape.reduce((product, n) => product * n, 1);
  if (raw.length - start !== size) {
    throw new Error(
      `${file} is damaged: expected ${shape.join(' × ')} = ${size} bytes of data, found ${raw.length - start}. Get the file again.`,
    );
  }
  // A plain array of bytes: a Buffer's slice() would be a view.
  return { shape, data: new Uint8Array(raw.buffer, raw.byteOffset + start, size) };
}

function unzip(bytes: Uint8Array, file: string): Uint8Array {
  try {
    return gunzipSync(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${file} is not a whole gzip file (${reason}). Get the file again.`);
  }
}

/** The commonest mix-ups in words: images and labels exchanged, or values that are no bytes. */
function describeMagic(magic: number): string {
  if (magic === 0x0801) return `${hex(magic)} (labels)`;
  if (magic === 0x0803) return `${hex(magic)} (images)`;
  return hex(magic);
}

function hex(magic: number): string {
  return `0x${magic.toString(16).padStart(8, '0')}`;
}
