import { describe, expect, it } from 'vitest';
import { NumpyRandom } from '../random';
import { stepToHyperplane } from './hyperplane';

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, v, i) => sum + v * b[i]!, 0);

describe('the step to a hyperplane', () => {
  it('is along the signs for L∞ and along w for L2, away from the box', () => {
    const point = Float32Array.of(0.5, 0.5);
    const w = Float32Array.of(3, -1);
    // w · x = 1 here; to 0.6 it is 0.4 / ‖w‖₁ = 0.1 in L∞, and 0.4 / ‖w‖² · w in L2.
    expect([...stepToHyperplane('linf', point, w, 0.6)].map((v) => Number(v.toFixed(6)))).toEqual([-0.1, 0.1]);
    expect([...stepToHyperplane('l2', point, w, 0.6)].map((v) => Number(v.toFixed(6)))).toEqual([-0.12, 0.04]);
  });

  it('stops at the box in one coordinate and goes further in the others', () => {
    // The first coordinate has only 0.05 of room, so that the second must make up for it: 0.05 + d = 0.5.
    const step = stepToHyperplane('linf', Float32Array.of(0.05, 0.9), Float32Array.of(1, 1), 0.45);
    expect(step[0]).toBeCloseTo(-0.05, 6);
    expect(step[1]).toBeCloseTo(-0.45, 6);
  });

  it('goes to the nearest corner when the box does not reach it', () => {
    const step = stepToHyperplane('l2', Float32Array.of(0.2, 0.7), Float32Array.of(1, -1), -5);
    expect(step[0]).toBeCloseTo(-0.2, 6);
    expect(step[1]).toBeCloseTo(0.3, 6);
  });

  it.each(['linf', 'l2'] as const)('is the smallest of all that reach it, in %s', (norm) => {
    const random = new NumpyRandom(2);
    const length = (v: ArrayLike<number>) =>
      norm === 'linf' ? Math.max(...Array.from(v, Math.abs)) : Math.hypot(...Array.from(v));
    for (let round = 0; round < 50; round += 1) {
      const point = Float32Array.from({ length: 5 }, () => random.random());
      const w = Float32Array.from({ length: 5 }, () => random.randn());
      const goal = Float32Array.from({ length: 5 }, () => random.random());
      const b = dot(w, goal);
      const step = stepToHyperplane(norm, point, w, b);
      const reached = point.map((v, i) => v + step[i]!);
      expect(dot(w, reached)).toBeCloseTo(b, 4);
      expect(Math.min(...reached)).toBeGreaterThan(-1e-6);
      expect(Math.max(...reached)).toBeLessThan(1 + 1e-6);
      // Any other point of the plane and the box is at least as far.
      expect(length(step)).toBeLessThanOrEqual(length(goal.map((v, i) => v - point[i]!)) + 1e-5);
    }
  });
});
