import type { Series } from '../lab/series';

/** More points than this in one chart cannot be told apart, and cost time to draw. */
export const drawnPoints = 4000;

export interface Points {
  steps: Float64Array;
  values: Float64Array;
}

/**
 * At most about `limit` points of a series, with the smallest and the largest value of every stretch kept, so that no
 * spike is lost. NaN is kept where a stretch holds nothing else.
 */
export function reducePoints({ steps, values }: Points, limit = drawnPoints): Points {
  const n = steps.length;
  if (n <= limit) return { steps: steps.slice(), values: values.slice() };
  const size = Math.ceil(n / (limit / 2));
  const kept: number[] = [];
  for (let from = 0; from < n; from += size) {
    const to = Math.min(from + size, n);
    let [low, high] = [from, from];
    for (let i = from; i < to; i += 1) {
      const value = values[i] ?? NaN;
      if (Number.isNaN(value)) continue;
      // Written so that anything is better than the NaN a stretch may begin with.
      if (!(value >= (values[low] ?? NaN))) low = i;
      if (!(value <= (values[high] ?? NaN))) high = i;
    }
    kept.push(...(low === high ? [low] : [Math.min(low, high), Math.max(low, high)]));
  }
  const last = n - 1;
  if (kept.at(-1) !== last) kept.push(last);
  return {
    steps: Float64Array.from(kept, (i) => steps[i] ?? 0),
    values: Float64Array.from(kept, (i) => values[i] ?? NaN),
  };
}

/** What of a series has been sent, so that only what is new travels. */
export class SentSeries {
  private length = 0;
  private revision = -1;

  /** The points to send now, and the index from which they replace what was sent; undefined when nothing is new. */
  next(series: Series): (Points & { from: number }) | undefined {
    const appended = series.revision === this.revision && series.length >= this.length;
    if (appended && series.length === this.length) return undefined;
    const from = appended && series.length <= drawnPoints ? this.length : 0;
    this.length = series.length;
    this.revision = series.revision;
    if (from === 0) return { from, ...reducePoints(series) };
    return { from, steps: series.steps.slice(from), values: series.values.slice(from) };
  }
}
