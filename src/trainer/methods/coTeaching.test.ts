import { beforeAll, describe, expect, it } from 'vitest';
import { methodSchema } from '../../protocol/methods';
import type { Model } from '../models/model';
import { oneHot } from '../ops/crossEntropy';
import { fixedRandom } from '../runtimes/program';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { coTeaching, keepRate, smallest } from './coTeaching';

beforeAll(useWasm);

describe('the share that is kept', () => {
  const rates = (options: object, epochs: number[]) => {
    const parsed = methodSchema.parse({ name: 'co_teaching', ...options });
    if (parsed.name !== 'co_teaching') throw new Error('another method');
    return epochs.map((epoch) => keepRate(parsed, epoch));
  };
  const close = (values: number[]) => values.map((value) => expect.closeTo(value, 12) as number);

  it('falls from all to 1 − τ over T_k epochs, and stays there', () => {
    const options = { forgetRate: 0.45, gradualEpochs: 5 };
    expect(rates(options, [0, 1, 2, 4, 5, 6, 199])).toEqual(close([1, 0.91, 0.82, 0.64, 0.55, 0.55, 0.55]));
  });

  it('falls towards 1 − τ^c before that with an exponent c, as the authors’ schedule', () => {
    const options = { forgetRate: 0.5, gradualEpochs: 10, exponent: 2 };
    expect(rates(options, [0, 4, 8, 10])).toEqual(close([1, 0.9, 0.8, 0.5]));
  });
});

describe('the smallest of some values', () => {
  it.each([
    [[3, 1, 2, 5], 2, [0, 1, 1, 0]],
    [[3, 1, 2, 5], 4, [1, 1, 1, 1]],
    // Of equal ones the earlier.
    [[1, 1, 0, 1], 2, [1, 0, 1, 0]],
    [[2, 2, 2], 1, [1, 0, 0]],
  ])('of %j the first %i are %j', (values, count, chosen) => {
    expect([...smallest(tf.tensor1d(values), count).dataSync()]).toEqual(chosen);
  });
});

describe('co-teaching', () => {
  /** Logits of two classes of which the given one, the first, has the probability 1 / (1 + e^−margin). */
  const logits = (margins: number[]) => tf.tensor2d(margins.map((margin) => [margin, 0]));
  const ofFirst = [3, -1, 0, 1];
  const ofSecond = [-2, 2, 1, -3];
  const loss = (margin = NaN) => Math.log(1 + Math.exp(-margin));
  const slope = (margin = NaN) => -1 / (1 + Math.exp(margin));

  it('trains each network by the samples on which the other one’s loss is smallest', () => {
    const options = methodSchema.parse({ name: 'co_teaching', forgetRate: 0.5, gradualEpochs: 1 });
    if (options.name !== 'co_teaching') throw new Error('another method');
    const targets = oneHot(Int32Array.of(0, 0, 0, 0), 2);
    const batch = {
      images: tf.zeros<tf.Rank.R4>([4, 1, 1, 1]),
      targets,
      indices: tf.tensor1d([0, 1, 2, 3], 'int32'),
      random: fixedRandom(0),
    };
    const visit = (epoch: number) => {
      const [value, first, second] = tf.tidy(() => {
        const forward = (a: tf.Tensor, b: tf.Tensor) => {
          const network = (z: tf.Tensor): Model => ({ weights: [], forward: () => z as tf.Tensor2D });
          const method = coTeaching(options, { targets, createNetwork: () => network(b) });
          return method.loss(network(a), { ...batch, epoch }).loss;
        };
        const result = tf.valueAndGrads(forward)([logits(ofFirst), logits(ofSecond)]);
        const ofGiven = (gradient: tf.Tensor | undefined) =>
          [...(gradient?.dataSync() ?? [])].filter((_, i) => i % 2 === 0);
        return [result.value.dataSync()[0], ofGiven(result.grads[0]), ofGiven(result.grads[1])] as const;
      });
      return { value, first, second };
    };
    const close = (values: number[]) => values.map((value) => expect.closeTo(value, 6) as number);

    // All of them in the first epoch.
    const all = visit(0);
    expect(all.first).toEqual(close(ofFirst.map((margin) => slope(margin) / 4)));
    expect(all.second).toEqual(close(ofSecond.map((margin) => slope(margin) / 4)));

    // Half of them then. The losses of the first are smallest on 0 and 3, those of the second on 1 and 2.
    const half = visit(1);
    expect(half.first).toEqual(close([0, slope(-1) / 2, slope(0) / 2, 0]));
    expect(half.second).toEqual(close([slope(-2) / 2, 0, 0, slope(-3) / 2]));
    expect(half.value).toBeCloseTo((loss(-1) + loss(0)) / 2 + (loss(-2) + loss(-3)) / 2, 5);
  });

  it('keeps at least one sample of a small batch', () => {
    const options = { name: 'co_teaching', forgetRate: 0.9, gradualEpochs: 1, exponent: 1 } as const;
    const targets = oneHot(Int32Array.of(0, 0), 2);
    const network = (): Model => ({ weights: [], forward: () => logits([1, 2]) });
    const { loss: value } = coTeaching(options, { targets, createNetwork: network }).loss(network(), {
      images: tf.zeros<tf.Rank.R4>([2, 1, 1, 1]),
      targets,
      indices: tf.tensor1d([0, 1], 'int32'),
      epoch: 1,
      random: fixedRandom(0),
    });
    expect(value.dataSync()[0]).toBeCloseTo(2 * loss(2), 6);
  });
});
