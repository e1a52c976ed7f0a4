import { createHash } from 'node:crypto';
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
    hash.update(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength));
    const rows = Int32Array.from({ length: sampled }, (_, i) => Math.floor((i * labels.length) / sampled));
    if (labels.length > 0) hash.update(gatherImages(images, rows, shape));
  }
  return `sha256:${hash.digest('hex').slice(0, 16)}`;
}
