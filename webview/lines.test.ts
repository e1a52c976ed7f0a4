import { describe, expect, it } from 'vitest';
import { commonLabel, meanOf, nearest } from './lines';

const trace = (run: string, ...ys: number[]) => ({ run, points: ys.map((y, i) => ({ x: i + 1, y })) });

describe('the mean over seeds', () => {
  it('has the standard deviation of a sample around it', () => {
    const line = meanOf([trace('a', 1, 2), trace('b', 3, 2)]);
    expect(line?.mean).toEqual([
      { x: 1, y: 2 },
      { x: 2, y: 2 },
    ]);
    expect(line?.upper[0]?.y).toBeCloseTo(2 + Math.SQRT2, 12);
    expect(line?.lower[1]?.y).toBe(2);
  });

  it('ends where the slowest seed is, and leaves out what is no number', () => {
    const line = meanOf([trace('a', 1, NaN, 3, 4), trace('b', 3, 3, 5)]);
    expect(line?.mean.map(({ x }) => x)).toEqual([1, 3]);
  });

  it('needs two runs', () => {
    expect(meanOf([trace('a', 1, 2)])).toBeUndefined();
    expect(meanOf([trace('a', 1), { run: 'b', points: [] }])).toBeUndefined();
  });
});

describe('the point nearest to the pointer', () => {
  const { points } = trace('a', 10, 20, 30);
  it.each([
    [-5, 10],
    [1.4, 10],
    [1.6, 20],
    [99, 30],
  ])('at %d has the value %i', (x, y) => expect(nearest(points, x)?.y).toBe(y));

  it('is none for a line without points', () => expect(nearest([], 1)).toBeUndefined());
});

describe('how the mean of several runs is called', () => {
  it('is what their labels have in common', () => {
    expect(commonLabel(['SAT · hidden 64 · seed 0', 'SAT · hidden 64 · seed 1'])).toBe('SAT · hidden 64');
    expect(commonLabel(['SAT · hidden 64'])).toBe('SAT · hidden 64');
    expect(commonLabel(['seed 0', 'seed 1'])).toBe('');
    expect(commonLabel([])).toBe('');
  });
});
