import { imageTensor } from './data/batches';
import type { Split } from './data/types';
import type { Model } from './models/model';
import * as tf from './tf';

/** Images in one forward pass of an evaluation. */
const evaluationBatch = 512;

/** What an evaluation needs to know of the data set besides the images. */
export interface ImageFormat {
  shape: readonly [number, number, number];
  /** A pixel in [0, 1] is value / pixelScale. */
  pixelScale: number;
}

/** Eval-mode logits of all images, row by row. @returns [n · outputs] */
export async function predict(
  model: Model,
  images: Uint8Array,
  format: ImageFormat,
  betweenBatches: () => Promise<void>,
): Promise<Float32Array> {
  const size = format.shape[0] * format.shape[1] * format.shape[2];
  const n = images.length / size;
  const parts: Float32Array[] = [];
  for (let from = 0; from < n; from += evaluationBatch) {
    const bytes = images.subarray(from * size, Math.min(from + evaluationBatch, n) * size);
    parts.push(tf.tidy(() => model.forward(imageTensor(bytes, format), 'eval').dataSync<'float32'>()));
    await betweenBatches();
  }
  return concatenate(parts);
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Number of rows whose arg max (the first of equals) is the label. @param logits [n · k] @param labels [n] */
export function countCorrect(logits: Float32Array, labels: Split['labels']): number {
  const k = logits.length / labels.length;
  let correct = 0;
  for (let i = 0; i < labels.length; i += 1) if (argMax(logits, i * k, k) === labels[i]) correct += 1;
  return correct;
}

/** Mean cross-entropy with hard labels, in nats. @param logits [n · k] @param labels [n] */
export function meanCrossEntropy(logits: Float32Array, labels: Split['labels']): number {
  const k = logits.length / labels.length;
  let total = 0;
  for (let i = 0; i < labels.length; i += 1) {
    const row = logits.subarray(i * k, (i + 1) * k);
    const highest = row[argMax(row, 0, k)] ?? 0;
    let sum = 0;
    for (const value of row) sum += Math.exp(value - highest);
    total += highest + Math.log(sum) - (row[labels[i] ?? 0] ?? 0);
  }
  return total / labels.length;
}

/** Index of the largest of k values from `from` on, counted from there; the first of equals, as in NumPy and PyTorch. */
export function argMax(values: Float32Array, from: number, k: number): number {
  let best = 0;
  for (let j = 1; j < k; j += 1) if ((values[from + j] ?? 0) > (values[from + best] ?? 0)) best = j;
  return best;
}
