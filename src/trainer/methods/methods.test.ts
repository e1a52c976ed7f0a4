import { beforeAll, describe, expect, it } from 'vitest';
import { methodSchema, type MethodConfig } from '../../protocol/methods';
import { configSchema } from '../../protocol/config';
import type { Model } from '../models/model';
import { createModel } from '../models/registry';
import { oneHot } from '../ops/crossEntropy';
import { createOptimizer } from '../optimizers/registry';
import { NumpyRandom } from '../random';
import { fixedRandom } from '../runtimes/program';
import { createTrainStep } from '../step';
import * as tf from '../tf';
import { useWasm } from '../testing';
import type { Batch } from './method';
import { createMethod, methodOutputs } from './registry';

beforeAll(useWasm);

const z = [
  [2, 0, -1],
  [0.5, 1.5, 0],
];
const labels = Int32Array.of(0, 2);
const p = z.map((row) => {
  const sum = row.reduce((total, value) => total + Math.exp(value), 0);
  return row.map((value) => Math.exp(value) / sum);
});
const pOf = (i: number) => p[i]?.[labels[i] ?? 0] ?? NaN;
const mean = (f: (i: number) => number) => (f(0) + f(1)) / 2;
const ce = mean((i) => -Math.log(pOf(i)));

/** Loss and gradient of a method whose network always says the same. */
function visit(config: Partial<MethodConfig> & Pick<MethodConfig, 'name'>, visits = 1, logits = z) {
  const targets = oneHot(labels, 3);
  const method = createMethod(methodSchema.parse(config), { targets });
  const indices = tf.tensor1d([0, 1], 'int32');
  const images = tf.zeros<tf.Rank.R4>([2, 1, 1, 1]);
  const batch: Batch = { images, targets, indices, epoch: 0, random: fixedRandom(0) };
  const once = () =>
    tf.valueAndGrad((x) => {
      const model: Model = { weights: [], forward: () => x as tf.Tensor2D };
      return method.loss(model, batch).loss;
    })(tf.tensor2d(logits));
  let result = once();
  for (let i = 1; i < visits; i += 1) result = once();
  return { loss: result.value.dataSync()[0] ?? NaN, gradient: [...result.grad.dataSync()], method };
}

/** Central differences of a loss that has no state. */
function differences(config: MethodConfig): number[] {
  const h = 1e-2;
  return z.flatMap((row, i) =>
    row.map((_, j) => {
      const at = (by: number) =>
        visit(
          config,
          1,
          z.map((r, k) => r.map((value, l) => (k === i && l === j ? value + by : value))),
        ).loss;
      return (at(h) - at(-h)) / (2 * h);
    }),
  );
}

describe('losses without state', () => {
  it('label smoothing spreads a share over all classes', () => {
    const logs = (i: number) => (p[i] ?? []).reduce((sum, value) => sum - Math.log(value), 0) / 3;
    expect(visit({ name: 'label_smoothing', smoothing: 0.3 }).loss).toBeCloseTo(0.7 * ce + 0.3 * mean(logs), 5);
    expect(visit({ name: 'label_smoothing', smoothing: 0 }).loss).toBeCloseTo(ce, 6);
  });

  it('generalised cross-entropy is (1 − p^q) / q, close to cross-entropy for small q', () => {
    expect(visit({ name: 'gce', q: 0.7 }).loss).toBeCloseTo(
      mean((i) => (1 - pOf(i) ** 0.7) / 0.7),
      5,
    );
    expect(visit({ name: 'gce', q: 1e-3 }).loss).toBeCloseTo(ce, 2);
  });

  it('symmetric cross-entropy adds the probability of the wrong classes times −A', () => {
    const reverse = mean((i) => 4 * (1 - pOf(i)));
    expect(visit({ name: 'sce', alpha: 0.5, beta: 2, logZero: -4 }).loss).toBeCloseTo(0.5 * ce + 2 * reverse, 5);
  });

  it('Deep Gamblers bets on the class and on abstention', () => {
    const logits = [
      [2, 0, -1, 1],
      [0.5, 1.5, 0, -1],
    ];
    const expected = logits.map((row, i) => {
      const sum = row.reduce((total, value) => total + Math.exp(value), 0);
      return -Math.log((Math.exp(row[labels[i] ?? 0] ?? 0) + Math.exp(row[3] ?? 0) / 2.2) / sum);
    });
    expect(visit({ name: 'deep_gamblers', reward: 2.2 }, 1, logits).loss).toBeCloseTo(
      ((expected[0] ?? 0) + (expected[1] ?? 0)) / 2,
      5,
    );
    // Before that, the output for abstention is left alone.
    const before = visit({ name: 'deep_gamblers', pretrainEpochs: 1 }, 1, logits);
    expect(before.loss).toBeCloseTo(ce, 5);
    expect([before.gradient[3], before.gradient[7]]).toEqual([0, 0]);
  });

  it.each<MethodConfig>([
    { name: 'label_smoothing', smoothing: 0.3 },
    { name: 'gce', q: 0.7 },
    { name: 'sce', alpha: 0.5, beta: 2, logZero: -4 },
  ])('$name has the gradient of its value', (config) => {
    const expected = differences(config);
    visit(config).gradient.forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? NaN, 3));
  });
});

describe('early-learning regularisation', () => {
  it('begins with targets of (1 − β) p, and adds λ log(1 − ⟨t, p⟩) with a gradient through p alone', () => {
    const { loss, gradient, method } = visit({ name: 'elr', beta: 0.7, lambda: 3 });
    const inner = (i: number) => (p[i] ?? []).reduce((sum, value) => sum + 0.3 * value * value, 0);
    expect(loss).toBeCloseTo(ce + 3 * mean((i) => Math.log(1 - inner(i))), 5);
    expect(method.softTargets?.arraySync()).toEqual(
      p.map((row) => row.map((value) => expect.closeTo(0.3 * value, 5) as number)),
    );
    // d/dz_j of −log p_y + λ log(1 − Σ t p) for fixed t.
    const expected = p.flatMap((row, i) =>
      row.map((pj, j) => {
        const pull = row.reduce((sum, pk, k) => sum + 0.3 * pk * pk * ((k === j ? 1 : 0) - pj), 0);
        return (pj - (labels[i] === j ? 1 : 0) - (3 * pull) / (1 - inner(i))) / 2;
      }),
    );
    gradient.forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? NaN, 4));
  });
});

describe('mixup', () => {
  it('mixes images and labels by the same share with the same others', () => {
    const method = createMethod({ name: 'mixup', alpha: 0.5 }, { targets: oneHot(labels, 3) });
    const images = tf.tensor4d([1, 2, 3], [3, 1, 1, 1]);
    const targets = oneHot(Int32Array.of(0, 1, 2), 3);
    const indices = tf.tensor1d([0, 1, 2], 'int32');
    const model: Model = { weights: [], forward: () => tf.zeros([3, 3]) };
    const mixed = method.prepare?.(model, { images, targets, indices, epoch: 0, random: fixedRandom(4) });
    const values = [...(mixed?.images.dataSync() ?? [])];
    const rows = mixed?.targets.arraySync() ?? [];
    rows.forEach((row, i) => {
      expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6);
      // The images are 1, 2, 3 for the classes 0, 1, 2, so that a mixture tells its own labels.
      expect(row.reduce((sum, value, k) => sum + value * (k + 1), 0)).toBeCloseTo(values[i] ?? NaN, 5);
    });
    expect(values.some((value, i) => Math.abs(value - (i + 1)) > 1e-3)).toBe(true);
  });
});

describe('every method', () => {
  const names = methodSchema.options.map(({ shape }) => shape.name.value);

  it.each(names)('%s trains with its defaults, and its loss falls', (name) => {
    const random = new NumpyRandom(3);
    const n = 32;
    const given = random.choice(10, n, true);
    const targets = oneHot(given, 10);
    const config = methodSchema.parse({
      name,
      ...('startEpoch' in methodSchema.parse({ name }) ? { startEpoch: 1 } : {}),
      ...('steps' in methodSchema.parse({ name }) ? { steps: 2 } : {}),
    });
    const shape = { input: [8, 8, 1] as const, outputs: methodOutputs(name, 10), random };
    const model = createModel({ name: 'small-cnn' }, shape);
    const method = createMethod(config, { targets, createNetwork: () => createModel({ name: 'small-cnn' }, shape) });
    const optimizer = createOptimizer(configSchema.parse({}).optimizer, [...model.weights, ...(method.weights ?? [])]);
    const step = createTrainStep({ model, method, optimizer });
    const pixels = Float32Array.from({ length: n * 64 }, () => random.random());
    const losses = Array.from({ length: 12 }, (_, i) => {
      const images = tf.tensor4d(pixels, [n, 8, 8, 1]);
      const indices = tf.tensor1d(
        Int32Array.from({ length: n }, (_row, k) => k),
        'int32',
      );
      return step({ images, targets, indices }, { epoch: Math.floor(i / 6), random }, 0.02).loss;
    });
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses[5]).toBeLessThan(losses[0] ?? NaN);
  });
});
