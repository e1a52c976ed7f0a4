import { beforeAll, describe, expect, it } from 'vitest';
import type { Weight } from '../models/weights';
import * as tf from '../tf';
import { update, useWasm } from '../testing';
import { createOptimizer } from './registry';
import { learningRateAt } from './schedule';

beforeAll(useWasm);

const constant = { name: 'constant' } as const;

function weightsOf(value: number): Weight[] {
  return [
    { name: 'w', variable: tf.variable(tf.tensor1d([value])), layout: 'plain', trainable: true },
    { name: 'running', variable: tf.variable(tf.tensor1d([value]), false), layout: 'plain', trainable: false },
  ];
}

describe('SGD', () => {
  it('adds decay to the gradient, keeps a momentum without damping, and leaves running statistics alone', () => {
    const weights = weightsOf(2);
    const options = { name: 'sgd', learningRate: 1, momentum: 0.9, weightDecay: 0.1, schedule: constant } as const;
    const sgd = createOptimizer(options, weights);
    let [w, b] = [2, 0];
    for (const gradient of [1, -3, 0.5]) {
      update(sgd, new Map([['w', tf.tensor1d([gradient])]]), 0.1);
      b = 0.9 * b + gradient + 0.1 * w;
      w -= 0.1 * b;
      expect(weights[0]?.variable.dataSync()[0]).toBeCloseTo(w, 5);
    }
    expect(weights[1]?.variable.dataSync()[0]).toBe(2);
  });
});

describe('Adam', () => {
  it('follows its paper’s update with PyTorch’s place of ε', () => {
    const weights = weightsOf(2);
    const options = {
      name: 'adam',
      learningRate: 1,
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-3,
      weightDecay: 0.1,
      schedule: constant,
    } as const;
    const adam = createOptimizer(options, weights);
    let [w, m, v] = [2, 0, 0];
    [1, -3, 0.5].forEach((gradient, i) => {
      update(adam, new Map([['w', tf.tensor1d([gradient])]]), 0.1);
      const g = gradient + 0.1 * w;
      m = 0.9 * m + 0.1 * g;
      v = 0.99 * v + 0.01 * g * g;
      w -= (0.1 * (m / (1 - 0.9 ** (i + 1)))) / (Math.sqrt(v / (1 - 0.99 ** (i + 1))) + 1e-3);
      expect(weights[0]?.variable.dataSync()[0]).toBeCloseTo(w, 4);
    });
  });
});

describe('schedules', () => {
  const base = { name: 'sgd', learningRate: 0.1, momentum: 0.9, weightDecay: 0 } as const;
  it.each([
    [0, 0.1],
    [60, 0.0794],
    [100, 0.05],
    [150, 0.0146],
    [199, 6.2e-6],
  ])('cosine over 200 epochs, as the authors print it: epoch %i, %d', (epoch, rate) => {
    expect(learningRateAt({ ...base, schedule: { name: 'cosine' } }, epoch, 200)).toBeCloseTo(
      rate,
      rate < 1e-3 ? 7 : 4,
    );
  });

  it('step multiplies from each milestone on', () => {
    const schedule = { name: 'step' as const, milestones: [75, 90], gamma: 0.1 };
    const rates = [74, 75, 89, 90].map((epoch) => learningRateAt({ ...base, schedule }, epoch, 100));
    [0.1, 0.01, 0.01, 0.001].forEach((rate, i) => expect(rates[i]).toBeCloseTo(rate, 9));
  });
});
