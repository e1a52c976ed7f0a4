/** Pieces of MATLAB 5 files, made as the format's description says, for tests. */

/** @param padded to 8 bytes, as all but compressed ones are @param small tag and at most 4 bytes of data in 8 bytes */
export function element(type: number, data: Buffer, padded = true, small = false): Buffer {
  const tag = Buffer.alloc(small ? 4 : 8);
  if (small) {
    tag.writeUInt16LE(type);
    tag.writeUInt16LE(data.length, 2);
    return Buffer.concat([tag, data], 8);
  }
  tag.writeUInt32LE(type);
  tag.writeUInt32LE(data.length, 4);
  return Buffer.concat([tag, data, Buffer.alloc(padded ? (8 - (data.length % 8)) % 8 : 0)]);
}

/** An array. @param kind its class, such as 9 for bytes @param values an element with them, column-major */
export function matrix(name: string, kind: number, shape: readonly number[], values: Buffer): Buffer {
  const dimensions = Buffer.alloc(4 * shape.length);
  shape.forEach((n, i) => dimensions.writeInt32LE(n, 4 * i));
  const flags = element(6, Buffer.from([kind, 0, 0, 0, 0, 0, 0, 0]));
  return element(14, Buffer.concat([flags, element(5, dimensions), element(1, Buffer.from(name), true, true), values]));
}

/** A whole file: the header of 128 bytes and the elements. */
export function matFile(...elements: Buffer[]): Buffer {
  const header = Buffer.alloc(128, ' ');
  header.write('MATLAB 5.0 MAT-file');
  header.writeUInt16LE(0x0100, 124);
  header.write('IM', 126);
  return Buffer.concat([header, ...elements]);
}
