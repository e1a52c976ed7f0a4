import { mean as meanOfValues, sampleStandardDeviation } from 'simple-statistics';

/** Points of one line, with x in epochs or steps. */
export interface XY {
  x: number;
  y: number;
}

/** One run's points of one metric. */
export interface Trace {
  run: string;
  points: readonly XY[];
}

/** Runs that differ only in their seed, as one: mean, and the standard deviation around it. */
export interface MeanLine {
  mean: XY[];
  lower: XY[];
  upper: XY[];
}

/**
 * Mean and spread over seeds at every x that all traces have: where one seed is still behind, there is no mean yet.
 * @returns undefined when there are fewer than two traces, or nothing is shared
 */
export function meanOf(traces: readonly Trace[]): MeanLine | undefined {
  if (traces.length < 2) return undefined;
  const byX = new Map<number, number[]>();
  for (const { points } of traces) {
    for (const { x, y } of points) {
      if (Number.isFinite(y)) byX.set(x, [...(byX.get(x) ?? []), y]);
    }
  }
  const line: MeanLine = { mean: [], lower: [], upper: [] };
  for (const [x, values] of [...byX].sort(([a], [b]) => a - b)) {
    if (values.length < traces.length) continue;
    const mean = meanOfValues(values);
    const deviation = sampleStandardDeviation(values);
    line.mean.push({ x, y: mean });
    line.lower.push({ x, y: mean - deviation });
    line.upper.push({ x, y: mean + deviation });
  }
  return line.mean.length > 0 ? line : undefined;
}

/** The point of a trace nearest to an x; undefined for an empty one. */
export function nearest(points: readonly XY[], x: number): XY | undefined {
  let [low, high] = [0, points.length - 1];
  if (high < 0) return undefined;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.x ?? 0) < x) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [points[low - 1], points[low]];
  if (!before || !after) return after ?? before;
  return x - before.x < after.x - x ? before : after;
}

/** What all labels have in common: "SAT · hidden 64" of "SAT · hidden 64 · seed 0" and "SAT · hidden 64 · seed 1". */
export function commonLabel(labels: readonly string[]): string {
  const [first = [], ...others] = labels.map((label) => label.split(' · '));
  return first.filter((part) => others.every((other) => other.includes(part))).join(' · ');
}
