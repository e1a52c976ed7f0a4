import { beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../models/model';
import { crossEntropy, oneHot, probabilities } from '../ops/crossEntropy';
import { fixedRandom } from '../runtimes/program';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { confidenceWeights, sat } from './sat';

beforeAll(useWasm);

const logits = [
  [2, 0, -1],
  [0.5, 1.5, 0],
];
/** A network that knows two images, and always says the same. */
const model: Model = { weights: [], forward: () => tf.tensor2d(logits) };
const labels = Int32Array.of(0, 1, 2, 1);

function visit(options: { alpha: number; startEpoch: number }, epoch: number, visits = 1) {
  const targets = oneHot(labels, 3);
  const method = sat({ name: 'sat', ...options }, { targets });
  const indices = tf.tensor1d([2, 1], 'int32');
  const batch = {
    images: tf.zeros<tf.Rank.R4>([2, 1, 1, 1]),
    targets: tf.gather(targets, indices),
    indices,
    epoch,
    random: fixedRandom(0),
  };
  let loss = NaN;
  for (let i = 0; i < visits; i += 1) loss = method.loss(model, batch).loss.dataSync()[0] ?? NaN;
  const rows = method.softTargets?.arraySync() as number[][];
  const plain = crossEntropy(tf.tensor2d(logits), batch.targets).dataSync()[0] ?? NaN;
  return { loss, rows, plain };
}

describe('self-adaptive training', () => {
  it('is plain cross-entropy before its start, and leaves the targets alone', () => {
    const { loss, rows, plain } = visit({ alpha: 0.9, startEpoch: 3 }, 2);
    expect(loss).toBe(plain);
    expect(rows).toEqual(oneHot(labels, 3).arraySync());
  });

  it('is plain cross-entropy for good with α = 1', () => {
    const { loss, rows, plain } = visit({ alpha: 1, startEpoch: 0 }, 0, 5);
    expect(loss).toBeCloseTo(plain, 6);
    expect(rows).toEqual(oneHot(labels, 3).arraySync());
  });

  it('moves the visited rows to α · one-hot + (1 − α) · p, and no others', () => {
    const { rows } = visit({ alpha: 0.9, startEpoch: 3 }, 3);
    const p = probabilities(tf.tensor2d(logits)).arraySync();
    const expected = [
      [1, 0, 0],
      [0, 1, 0].map((t, j) => 0.9 * t + 0.1 * (p[1]?.[j] ?? NaN)),
      [0, 0, 1].map((t, j) => 0.9 * t + 0.1 * (p[0]?.[j] ?? NaN)),
      [0, 1, 0],
    ];
    rows.flat().forEach((value, i) => expect(value).toBeCloseTo(expected.flat()[i] ?? NaN, 6));
  });

  it('keeps every row’s sum at 1, and forgets the given label as α to the number of visits', () => {
    const { rows } = visit({ alpha: 0.9, startEpoch: 0 }, 0, 50);
    for (const row of rows) expect(row.reduce((sum, t) => sum + t, 0)).toBeCloseTo(1, 5);
    const p = probabilities(tf.tensor2d(logits)).arraySync();
    const kept = 0.9 ** 50;
    expect(rows[2]?.[0]).toBeCloseTo((1 - kept) * (p[0]?.[0] ?? NaN), 5);
  });

  it('weighs the samples by their confidence, one on average', () => {
    const targets = tf.tensor2d([
      [0.5, 0.3, 0.2],
      [0.9, 0.1, 0],
      [0.1, 0.3, 0.6],
    ]);
    const weights = [...confidenceWeights(targets).dataSync()];
    expect(weights.reduce((sum, w) => sum + w, 0) / 3).toBeCloseTo(1, 6);
    expect((weights[1] ?? NaN) / (weights[0] ?? NaN)).toBeCloseTo(0.9 / 0.5, 5);
  });
});
