import { describe, expect, it } from 'vitest';
import { describeSoftTargets } from './softTargets';

const labels = Int32Array.of(0, 1, 1);

describe('soft targets', () => {
  it('tell how many labels they recover, and how certain they are, of the rows that have begun', () => {
    const targets = Float32Array.of(1, 0, 0.5, 0.5, 0, 0);
    const told = describeSoftTargets(targets, labels);
    expect(told).toEqual({ recovery: 0.5, entropy: expect.closeTo(Math.log(2) / 2, 7) as number });
    expect(describeSoftTargets(new Float32Array(6), labels)).toBeUndefined();
  });

  it('are as certain as their shares, also where they do not sum up to 1 yet', () => {
    const [whole, young] = [Float32Array.of(0.9, 0.1, 0.2, 0.8, 1, 0), Float32Array.of(0.27, 0.03, 0.06, 0.24, 0.3, 0)];
    const entropies = [whole, young].map((targets) => describeSoftTargets(targets, labels)?.entropy);
    expect(entropies[1]).toBeCloseTo(entropies[0] ?? NaN, 6);
  });
});
