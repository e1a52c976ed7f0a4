import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Problem } from '../problem';

/** Images that stay in a file, one after the other, and are read as they are needed. */
export interface StreamedImages {
  /** How many. */
  count: number;
  /** Bytes of an image. */
  imageBytes: number;
  /** Copies an image's bytes [h, w, c] to the beginning of `into`. @throws Problem when the file has become shorter */
  read: (image: number, into: Uint8Array) => void;
}

/** Bytes [n, h, w, c], in memory or in a file. */
export type Images = Uint8Array | StreamedImages;

/**
 * The images of a file, which holds nothing else. The file stays open as long as the process lives.
 * @param toPixels turns an image's bytes into [h, w, c], in place, where the file has them otherwise
 * @throws Problem when its size is no whole number of images, and the file system's error when it cannot be opened
 */
export function streamImages(file: string, imageBytes: number, toPixels?: (image: Uint8Array) => void): StreamedImages {
  const descriptor = openSync(file, 'r');
  const { size } = fstatSync(descriptor);
  if (size % imageBytes !== 0) {
    closeSync(descriptor);
    throw new Problem(`${file} has ${size} bytes, which are no whole images of ${imageBytes}. Get it again.`);
  }
  return {
    count: size / imageBytes,
    imageBytes,
    read: (image, into) => {
      for (let at = 0; at < imageBytes;) {
        const length = readSync(descriptor, into, at, imageBytes - at, image * imageBytes + at);
        if (length === 0) throw new Problem(`${file} has become shorter while it was read. Start again.`);
        at += length;
      }
      toPixels?.(into.subarray(0, imageBytes));
    },
  };
}

/** Images as bytes in memory. @param use what needs them there @throws Problem when they are streamed */
export function inMemory(images: Images, use: string): Uint8Array {
  if (images instanceof Uint8Array) return images;
  throw new Problem(
    `${use} needs the images in memory, and these are read from a file since they are too many. Lower data.size, or leave it out.`,
  );
}

/** Some of the images. @param imageBytes bytes of an image */
export function imageRange(images: Images, from: number, to: number, imageBytes: number): Images {
  if (images instanceof Uint8Array) return images.subarray(from * imageBytes, to * imageBytes);
  return { count: to - from, imageBytes, read: (image, into) => images.read(from + image, into) };
}
