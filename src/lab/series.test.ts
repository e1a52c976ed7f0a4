import { describe, expect, it } from 'vitest';
import { Series } from './series';

function made(...points: [step: number, epoch: number, value: number][]): Series {
  const series = new Series();
  for (const point of points) series.set(...point);
  return series;
}

const points = ({ steps, values }: Series) => [...steps].map((step, i) => [step, values[i]]);

describe('Series', () => {
  it('is empty at first', () => {
    const series = new Series();
    expect(series.length).toBe(0);
    expect(series.steps).toHaveLength(0);
  });

  it('keeps points in order of their steps, whatever the order they come in', () => {
    const series = made([10, 1, 0.1], [30, 3, 0.3], [20, 2, 0.2], [5, 0, 0.05]);
    expect([...series.steps]).toEqual([5, 10, 20, 30]);
    expect([...series.epochs]).toEqual([0, 1, 2, 3]);
    expect([...series.values]).toEqual([0.05, 0.1, 0.2, 0.3]);
  });

  it('lets the newer value of a step win', () => {
    const series = made([1, 0, 1], [2, 0, 2], [2, 1, 22], [1, 0, 11]);
    expect(points(series)).toEqual([
      [1, 11],
      [2, 22],
    ]);
    expect([...series.epochs]).toEqual([0, 1]);
  });

  it('holds a step of 0 once', () => {
    expect(points(made([0, 0, 1], [0, 0, 2]))).toEqual([[0, 2]]);
  });

  it('grows past what it starts with, in order and out of order', () => {
    const series = new Series();
    for (let step = 1; step <= 1000; step += 2) series.set(step, 0, -step);
    for (let step = 2; step <= 1000; step += 2) series.set(step, 0, -step);
    expect(series.length).toBe(1000);
    expect([...series.steps]).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
    expect([...series.values]).toEqual(Array.from({ length: 1000 }, (_, i) => -i - 1));
  });

  it('forgets what comes after a step', () => {
    const series = made([1, 0, 1], [2, 0, 2], [3, 0, 3]);
    series.truncateAfter(2);
    expect(points(series)).toEqual([
      [1, 1],
      [2, 2],
    ]);
    series.set(3, 0, 33);
    expect(points(series)).toEqual([
      [1, 1],
      [2, 2],
      [3, 33],
    ]);
    series.truncateAfter(0);
    expect(series.length).toBe(0);
  });

  it('takes a reused place for a new point after a truncation', () => {
    const series = made([1, 0, 1], [2, 0, 2]);
    series.truncateAfter(1);
    series.set(2, 0, 5);
    expect(points(series)).toEqual([
      [1, 1],
      [2, 5],
    ]);
  });

  it('changes its revision only when something already read no longer holds', () => {
    const series = made([1, 0, 1], [2, 0, 2]);
    const revision = series.revision;
    series.set(3, 0, 3);
    series.truncateAfter(3);
    series.truncateAfter(100);
    expect(series.revision).toBe(revision);
    series.set(2, 0, 22);
    const replaced = series.revision;
    expect(replaced).not.toBe(revision);
    series.set(2.5, 0, 22);
    const inserted = series.revision;
    expect(inserted).not.toBe(replaced);
    series.truncateAfter(1);
    expect(series.revision).not.toBe(inserted);
  });
});
