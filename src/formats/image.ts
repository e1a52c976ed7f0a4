import { convertIndexedToRgb, decode as decodePng, hasPngSignature } from 'fast-png';

/** Pixels [height, width, 3], bytes. */
export interface RgbImage {
  width: number;
  height: number;
  data: Uint8Array;
}

/**
 * A PNG or JPEG image, told apart by its first bytes. Grey becomes colour, 16 bits become 8, transparency is left out.
 * @param file its name, for messages
 * @throws Error that names the file when it is damaged or another format
 */
export async function decodeImage(bytes: Uint8Array, file: string): Promise<RgbImage> {
  const isPng = bytes.length >= 8 && hasPngSignature(bytes.subarray(0, 8));
  if (!isPng && !(bytes[0] === 0xff && bytes[1] === 0xd8)) {
    throw new Error(`${file} is neither a PNG nor a JPEG image. Replace it or take it away.`);
  }
  try {
    return isPng ? rgbOfPng(bytes) : await rgbOfJpeg(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${file} is a damaged image (${reason}). Replace it or take it away.`);
  }
}

function rgbOfPng(bytes: Uint8Array): RgbImage {
  const png = decodePng(bytes, { checkCrc: true });
  const { width, height, depth } = png;
  // An image in colour may bring a palette, too, that only suggests colours to displays which have few.
  const indexed = png.palette !== undefined && png.channels === 1;
  const data = indexed ? convertIndexedToRgb(png) : png.data;
  const channels = indexed ? data.length / (width * height) : png.channels;
  // Grey of less than 8 bits comes packed.
  const perByte = !indexed && depth < 8 ? 8 / depth : 1;
  const rowBytes = Math.ceil(width / perByte);
  const value = (i: number): number => {
    if (perByte === 1) return depth === 16 ? (data[i] ?? 0) >> 8 : (data[i] ?? 0);
    const [y, x] = [Math.floor(i / width), i % width];
    const byte = data[y * rowBytes + Math.floor(x / perByte)] ?? 0;
    const level = (byte >> (8 - depth * ((x % perByte) + 1))) & ((1 << depth) - 1);
    return (level * 255) / ((1 << depth) - 1);
  };
  return toRgb(width, height, channels, value);
}

/**
 * By libjpeg-turbo, as Pillow reads it. It does not know the four inks of print (CMYK), of which ImageNet has a few
 * images, and as it is built refuses images that libjpeg only warns about, such as those of Dogs vs. Cats with bytes
 * before the end marker: those are left to another decoder, which refuses images that are cut short. Each is loaded when
 * the first image asks for it.
 */
async function rgbOfJpeg(bytes: Uint8Array): Promise<RgbImage> {
  if (jpegComponents(bytes) !== 4) {
    const { decode } = await import('@cwasm/jpeg-turbo');
    try {
      const { width, height, data } = decode(bytes);
      return toRgb(width, height, 4, (i) => data[i] ?? 0);
    } catch (error) {
      // In these words it tells of warnings, too; all else is an error.
      if (!(error instanceof Error && error.message.startsWith('Failed to decode JPEG'))) throw error;
    }
  }
  const { decode } = await import('jpeg-js');
  return decode(bytes, { useTArray: true, formatAsRGBA: false, tolerantDecoding: false });
}

/** How many components a JPEG's frame header tells of (ITU T.81, B.2.2); undefined when there is none. */
function jpegComponents(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1] ?? 0;
    // A fill byte, or a frame header: C0 to CF but for tables (C4), extensions (C8) and arithmetic conditioning (CC).
    if (marker === 0xff) at += 1;
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return bytes[at + 9];
    else at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

/** @param channels 1 or 2 for grey, 3 or 4 for colour, the even ones with transparency */
function toRgb(width: number, height: number, channels: number, value: (i: number) => number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i += 1) {
    for (let c = 0; c < 3; c += 1) data[i * 3 + c] = value(i * channels + (channels < 3 ? 0 : c));
  }
  return { width, height, data };
}

/**
 * Resizes an image so that its shorter side is `size`, and cuts `size` × `size` out of the centre. Bilinear, with the
 * filter widened when the image becomes smaller, as Pillow's and so torchvision's Resize and CenterCrop (values can
 * differ by 1 in rounding).
 * @returns bytes [size, size, 3]
 */
export function resizeAndCrop({ width, height, data }: RgbImage, size: number): Uint8Array {
  const [across, down] =
    width <= height ? [size, Math.trunc((size * height) / width)] : [Math.trunc((size * width) / height), size];
  const columns = filters(width, across, size);
  const rows = filters(height, down, size);
  const firstRow = rows[0]?.from ?? 0;
  const lastRow = rows.at(-1)?.to ?? 0;
  // Only the rows that are needed, narrowed; Pillow also rounds between its two passes.
  const narrow = new Uint8ClampedArray((lastRow - firstRow) * size * 3);
  for (let y = firstRow; y < lastRow; y += 1) {
    columns.forEach(({ from, weights }, x) => {
      for (let c = 0; c < 3; c += 1) {
        let sum = 0;
        const first = (y * width + from) * 3 + c;
        for (let i = 0; i < weights.length; i += 1) sum += (weights[i] ?? 0) * (data[first + i * 3] ?? 0);
        narrow[((y - firstRow) * size + x) * 3 + c] = sum;
      }
    });
  }
  const made = new Uint8ClampedArray(size * size * 3);
  const rowBytes = size * 3;
  rows.forEach(({ from, weights }, y) => {
    for (let x = 0; x < rowBytes; x += 1) {
      let sum = 0;
      const first = (from - firstRow) * rowBytes + x;
      for (let i = 0; i < weights.length; i += 1) sum += (weights[i] ?? 0) * (narrow[first + i * rowBytes] ?? 0);
      made[y * rowBytes + x] = sum;
    }
  });
  return new Uint8Array(made.buffer);
}

/** Which of the old pixels, [from, to), make a new one, and by how much. */
interface Filter {
  from: number;
  to: number;
  weights: Float64Array;
}

/** Triangle filters from `old` to `resized` pixels, for the `size` of them in the centre. */
function filters(old: number, resized: number, size: number): Filter[] {
  const scale = old / resized;
  const support = Math.max(1, scale);
  const first = halfToEven((resized - size) / 2);
  return Array.from({ length: size }, (_, i) => {
    const centre = (first + i + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5));
    const to = Math.min(old, Math.trunc(centre + support + 0.5));
    const weights = Float64Array.from({ length: to - from }, (_, k) =>
      Math.max(0, 1 - Math.abs((from + k - centre + 0.5) / support)),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { from, to, weights: weights.map((weight) => weight / total) };
  });
}

/** As Python's round(). */
function halfToEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}
