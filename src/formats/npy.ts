/** A NumPy array file's values, row-major. */
export interface NpyArray {
  shape: number[];
  data: Float32Array;
}

/** A `.npy` file, format 1.0, little-endian float32. */
export function encodeNpy({ shape, data }: NpyArray): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  // Magic, version and length take 10 bytes; the data begin at a multiple of 64, and the header ends with a newline.
  const total = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = text.padEnd(total - 11) + '\n';
  const file = new Uint8Array(total + data.byteLength);
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(file.buffer).setUint16(8, header.length, true);
  file.set(new TextEncoder().encode(header), 10);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), total);
  return file;
}
