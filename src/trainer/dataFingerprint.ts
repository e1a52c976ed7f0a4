import { createHash, type Hash } from 'node:crypto';
import { gatherImages } from './data/imageSource';
import type { DataSet } from './data/types';

/** Images of each split that are looked at. */
const sampled = 64;

/**
 * Tells whether two runs saw the same data: sizes, classes, all labels, and the pixels of some images of each split,
 * evenly spread over it.
 * @returns `sha256:` and its first 16 hex digits
 */
export function dataFingerprint({ shape, pixelScale, classNames, train, test }: DataSet): string {
  const hash = createHash('sha256').update(JSON.stringify([shape, pixelScale, classNames]));
  for (const { images, labels } of [train, test]) {
    hash.update(bytesOf(labels));
    const rows = Int32Array.from({ length: sampled }, (_, i) => Math.floor((i * labels.length) / sampled));
    if (labels.length > 0) hash.update(gatherImages(images, rows, shape));
  }
  return shortened(hash);
}

/** The same of what a run trains on. @param data fingerprint of the data set @param given labels given for training [n] */
export function trainingFingerprint(data: string, given: Int32Array): string {
  return shortened(createHash('sha256').update(data).update(bytesOf(given)));
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Int32Array) => new Uint8Array(buffer, byteOffset, byteLength);

function shortened(hash: Hash): string {
  return `sha256:${hash.digest('hex').slice(0, 16)}`;
}
