import { describe, expect, it } from 'vitest';
import { optimizerSchema, type OptimizerConfig } from '../../protocol/optimizers';
import { learningRateAt } from './schedule';

const rates = (config: object, epochs: readonly number[], of: number) =>
  epochs.map((epoch) => learningRateAt(optimizerSchema.parse(config) satisfies OptimizerConfig, epoch, of));

describe('the learning rate', () => {
  it('of a constant schedule is the same in every epoch, as of the authors’ Adam', () => {
    expect(rates({ name: 'adam', learningRate: 1e-4 }, [0, 1, 1999, 3999], 4000)).toEqual([1e-4, 1e-4, 1e-4, 1e-4]);
  });

  it('of SGD follows a cosine unless told otherwise, exact at its start and its middle', () => {
    const [first, middle, last = NaN] = rates({ name: 'sgd' }, [0, 20, 39], 40);
    expect(first).toBe(0.1);
    expect(middle).toBeCloseTo(0.05, 12);
    expect(last).toBeCloseTo(0.05 * (1 + Math.cos((Math.PI * 39) / 40)), 12);
    expect(last).toBeGreaterThan(0);
  });

  it('of steps falls at the milestones of the authors’ adversarial script, in whatever order they are given', () => {
    const step = (milestones: number[]) => ({ name: 'sgd', schedule: { name: 'step', milestones } });
    const expected = rates(step([75, 90]), [0, 74, 75, 89, 90, 99], 100);
    [0.1, 0.1, 0.01, 0.01, 0.001, 0.001].forEach((rate, i) => expect(expected[i]).toBeCloseTo(rate, 12));
    expect(rates(step([90, 75]), [0, 74, 75, 89, 90, 99], 100)).toEqual(expected);
  });

  it('of steps without a milestone stays', () => {
    expect(rates({ name: 'sgd', schedule: { name: 'step' } }, [0, 99], 100)).toEqual([0.1, 0.1]);
  });
});
