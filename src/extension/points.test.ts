import { describe, expect, it } from 'vitest';
import { Series } from '../lab/series';
import { reducePoints, SentSeries } from './points';

const flat = (n: number) => ({
  steps: Float64Array.from({ length: n }, (_, i) => i),
  values: new Float64Array(n).fill(1),
});

describe('points reduced for drawing', () => {
  it('lose no spike, wherever it is', () => {
    for (const at of [0, 1, 4321, 99_998, 99_999]) {
      const points = flat(100_000);
      points.values[at] = 100;
      const reduced = reducePoints(points);
      expect(reduced.values).toContain(100);
      expect(reduced.steps[reduced.values.indexOf(100)]).toBe(at);
      expect(reduced.steps.length).toBeLessThan(4100);
    }
  });

  it('lose no spike beside NaN', () => {
    const points = flat(100_000);
    points.values[5000] = 100;
    points.values.fill(NaN, 5001, 5010);
    points.values.fill(NaN, 4990, 5000);
    expect(reducePoints(points).values).toContain(100);
  });

  it('keep their order and the last point', () => {
    const { steps } = reducePoints(flat(54_321));
    expect(steps.at(-1)).toBe(54_320);
    expect([...steps]).toEqual([...steps].sort((a, b) => a - b));
  });
});

describe('points that are sent', () => {
  it('are only the new ones, until something earlier changes', () => {
    const series = new Series();
    const sent = new SentSeries();
    for (let step = 1; step <= 3; step += 1) series.set(step, NaN, step);
    expect(sent.next(series)).toMatchObject({ from: 0, steps: Float64Array.of(1, 2, 3) });
    expect(sent.next(series)).toBeUndefined();
    series.set(4, NaN, 4);
    expect(sent.next(series)).toMatchObject({ from: 3, steps: Float64Array.of(4) });
    series.set(4, NaN, 5);
    expect(sent.next(series)).toMatchObject({ from: 0, values: Float64Array.of(1, 2, 3, 5) });
    series.truncateAfter(2);
    expect(sent.next(series)).toMatchObject({ from: 0, values: Float64Array.of(1, 2) });
  });
});
