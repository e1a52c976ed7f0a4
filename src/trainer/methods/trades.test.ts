import { beforeAll, describe, expect, it } from 'vitest';
import { batchNorm, linear } from '../models/layers';
import type { Mode, Model } from '../models/model';
import { oneHot } from '../ops/crossEntropy';
import { NumpyRandom } from '../random';
import { fixedRandom } from '../runtimes/program';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { adversarialTraining } from './adversarialTraining';
import type { Batch, Method } from './method';
import { trades } from './trades';
import { tradesSat } from './tradesSat';

beforeAll(useWasm);

const perturbation = { epsilon: 0.1, stepSize: 0.03, steps: 5 };

function setUp() {
  const norm = batchNorm('bn', 1);
  const head = linear('fc', 4, 3, new NumpyRandom(1));
  const seen: { mode: Mode; mean: number }[] = [];
  const model: Model = {
    weights: [...norm.weights, ...head.weights],
    forward: (images, mode) => {
      seen.push({ mode, mean: tf.mean(images).dataSync()[0] ?? NaN });
      return head.forward(tf.reshape(norm.forward(images, mode), [-1, 4]), mode);
    },
  };
  const targets = oneHot(Int32Array.of(0, 1, 2), 3);
  const batch: Batch = {
    images: tf.tensor4d([0, 0.5, 1, 0.2, 0.7, 0.3, 0.9, 1, 0.05, 0.4, 0.6, 0.8], [3, 2, 2, 1]),
    targets,
    indices: tf.tensor1d([0, 1, 2], 'int32'),
    epoch: 0,
    random: fixedRandom(0),
  };
  return { model, batch, targets, seen, running: () => norm.weights[2]!.variable.dataSync()[0] };
}

describe.each<[string, (targets: tf.Tensor2D) => Method]>([
  ['PGD-AT', () => adversarialTraining({ name: 'adversarial_training', ...perturbation })],
  ['TRADES', () => trades({ name: 'trades', beta: 6, ...perturbation })],
  [
    'TRADES+SAT',
    (targets) => tradesSat({ name: 'trades_sat', beta: 6, alpha: 0.9, startEpoch: 0, ...perturbation }, { targets }),
  ],
])('%s', (_name, create) => {
  it('perturbs in eval mode, within ε and within [0, 1], and leaves the running statistics alone', () => {
    const { model, batch, targets, seen, running } = setUp();
    const before = running();
    const adversarial = create(targets).prepare?.(model, batch).adversarial?.dataSync();
    expect(seen.every(({ mode }) => mode === 'eval')).toBe(true);
    expect(running()).toBe(before);
    const natural = batch.images.dataSync();
    const moves = [...natural].map((x, i) => Math.abs((adversarial?.[i] ?? NaN) - x));
    expect(Math.max(...moves)).toBeLessThan(0.1 + 1e-6);
    expect(Math.max(...moves)).toBeGreaterThan(0.09);
    expect(Math.min(...adversarial!)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...adversarial!)).toBeLessThanOrEqual(1);
  });

  it('does not read the epoch while it perturbs', () => {
    const { model, batch, targets } = setUp();
    const read = () => {
      throw new Error('the epoch was read');
    };
    const lazy = Object.defineProperty({ ...batch }, 'epoch', { get: read });
    expect(() => create(targets).prepare?.(model, lazy)).not.toThrow();
  });
});

describe('TRADES', () => {
  it('sees the natural batch first, then the perturbed one, both in train mode', () => {
    const { model, batch, seen } = setUp();
    const method = trades({ name: 'trades', beta: 6, ...perturbation });
    const adversarial = tf.mul<tf.Tensor4D>(batch.images, 0.9);
    method.loss(model, { ...batch, adversarial });
    expect(seen.map(({ mode }) => mode)).toEqual(['train', 'train']);
    expect(seen[1]!.mean).toBeCloseTo(0.9 * seen[0]!.mean, 5);
  });
});
