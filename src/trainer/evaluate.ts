import type { ImageSource } from './data/imageSource';
import type { DataSet, Split } from './data/types';
import type { Model } from './models/model';
import { NumpyRandom } from './random';
import type { Compile } from './runtimes/program';
import * as tf from './tf';

/** Images in one forward pass of an evaluation: fewer of larger ones, for memory. */
const evaluationBatch = ([height, width]: DataSet['shape']) =>
  Math.max(1, Math.min(512, Math.floor((512 * 32 * 32) / (height * width))));

/** Eval-mode logits of the first n images of a source, row by row. @returns [n · outputs] */
export type Predict = (source: ImageSource, n: number) => Promise<Float32Array>;

/** Makes the forward pass of a model on images of some shape. @param betweenBatches lets others in */
export function createPredict(
  model: Model,
  shape: DataSet['shape'],
  compile: Compile,
  betweenBatches: () => Promise<void>,
): Predict {
  const batch = evaluationBatch(shape);
  const call = { epoch: 0, random: new NumpyRandom(0) };
  const programs = new Map<ImageSource, (rows: Int32Array) => Float32Array>();
  const programOf = (source: ImageSource) => {
    const program = compile((inputs) => ({ logits: model.forward(source.images(inputs), 'eval') }));
    return (rows: Int32Array) => tf.tidy(() => program(source.inputs(rows), call).logits.dataSync<'float32'>());
  };
  return async (source, n) => {
    const run = programs.get(source) ?? programOf(source);
    programs.set(source, run);
    const parts: Float32Array[] = [];
    for (let from = 0; from < n; from += batch) {
      const length = Math.min(batch, n - from);
      parts.push(run(Int32Array.from({ length }, (_, i) => from + i)));
      await betweenBatches();
    }
    return concatenate(parts);
  };
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

/**
 * Number of rows whose arg max (the first of equals) is the label.
 * @param logits [n · outputs] @param labels [n] @param classes how many outputs count; the rest is for abstention
 */
export function countCorrect(logits: Float32Array, labels: Split['labels'], classes?: number): number {
  const outputs = logits.length / labels.length;
  let correct = 0;
  for (let i = 0; i < labels.length; i += 1) {
    if (argMax(logits, i * outputs, classes ?? outputs) === labels[i]) correct += 1;
  }
  return correct;
}

/** Number of rows with a value that is not finite. @param logits [n · outputs] */
export function countNotFinite(logits: Float32Array, n: number): number {
  const outputs = logits.length / n;
  let count = 0;
  for (let from = 0; from < logits.length; from += outputs) {
    if (!logits.subarray(from, from + outputs).every(Number.isFinite)) count += 1;
  }
  return count;
}

/**
 * Mean cross-entropy with hard labels, in nats.
 * @param logits [n · outputs] @param labels [n] @param classes how many outputs count; the rest is for abstention
 */
export function meanCrossEntropy(logits: Float32Array, labels: Split['labels'], classes?: number): number {
  const outputs = logits.length / labels.length;
  const k = classes ?? outputs;
  let total = 0;
  for (let i = 0; i < labels.length; i += 1) {
    const row = logits.subarray(i * outputs, i * outputs + k);
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
