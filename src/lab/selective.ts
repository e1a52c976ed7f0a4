import { readFile, stat } from 'node:fs/promises';
import { selectiveFileSchema, type SelectiveFile } from '../protocol/selective';
import { Series } from './series';

/** A run's `selective.json`, followed: risk against coverage after the newest evaluation. */
export class SelectiveCurves {
  private readAt = '';
  /** What the file says; undefined where there is none. */
  content: SelectiveFile | undefined;
  /** By metric: x is the coverage in percent, y the selective risk in [0, 1]. */
  series: ReadonlyMap<string, Series> = new Map();

  constructor(private readonly file: string) {}

  /** Reads the file where it has changed. One that is not there, or damaged, has no curves. */
  async refresh(): Promise<void> {
    const now = await stat(this.file).catch(() => undefined);
    const changed = now ? `${now.mtimeMs} ${now.size} ${now.ino}` : '';
    if (changed === this.readAt) return;
    this.readAt = changed;
    const text = now ? await readFile(this.file, 'utf8').catch(() => '') : '';
    this.content = selectiveFileSchema.safeParse(jsonOf(text)).data;
    this.series = this.content ? curvesOf(this.content) : new Map();
  }
}

function curvesOf({ epoch, curves }: SelectiveFile): Map<string, Series> {
  return new Map(
    curves.map(({ score, coverage, risk }) => {
      const series = new Series();
      coverage.forEach((share, i) => series.set(share * 100, epoch, risk[i] ?? NaN));
      return [`risk_against_coverage/${score}`, series];
    }),
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
