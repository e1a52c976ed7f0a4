import { mean, sampleStandardDeviation } from 'simple-statistics';
import { isObject, type JsonObject } from './configMerge';
import type { Run } from './run';
import type { SweepCell } from './sweep';

/** One number over the seeds: the mean and the sample standard deviation, null for fewer than two. */
export interface Spread {
  mean: number;
  sd: number | null;
}

/** The finished runs that differ in nothing but their seeds, put together. Null: no run has told of it. */
export interface SweepRow {
  /** The settings that tell this row from the others, by path. */
  settings: JsonObject;
  /** Number of finished runs. */
  n: number;
  /** Of the best epoch, chosen on the test set itself; an accuracy in [0, 1]. */
  testAccuracyBest: Spread | null;
  /** After the last epoch; an accuracy in [0, 1]. */
  testAccuracyLast: Spread | null;
  /** Share of the soft targets whose largest entry is the true label, after the last epoch, in [0, 1]. */
  labelRecovery: Spread | null;
  /** Of the epoch that is best by the noisy validation labels; an accuracy in [0, 1]. */
  testAccuracyAtBestValidation: Spread | null;
  /** Area under the risk-coverage curve after the last epoch, in [0, 1]. */
  riskCoverageArea: Spread | null;
}

/** Paths that repeat an experiment rather than change it. */
const seedPaths = new Set(['seed', 'data.noise.seed']);

/** A sweep's results: one row for each combination of the settings that differ, over the seeds. */
export function sweepTable(cells: readonly Pick<SweepCell, 'settings' | 'run' | 'state'>[]): SweepRow[] {
  const paths = [...new Set(cells.flatMap(({ settings }) => Object.keys(settings)))].filter(
    (path) => !seedPaths.has(path) && new Set(cells.map(({ settings }) => JSON.stringify(settings[path]))).size > 1,
  );
  const rows = new Map<string, { settings: JsonObject; runs: Run[] }>();
  for (const { settings, run, state } of cells) {
    const shown = Object.fromEntries(paths.map((path) => [path, settings[path]]));
    const key = JSON.stringify(shown);
    const row = rows.get(key) ?? { settings: shown, runs: [] };
    if (run && state === 'completed') row.runs.push(run);
    rows.set(key, row);
  }
  return [...rows.values()].map(({ settings, runs }) => ({
    settings,
    n: runs.length,
    testAccuracyBest: spread(runs.map((run) => run.best('test/accuracy')?.value)),
    testAccuracyLast: last('test/accuracy', runs),
    labelRecovery: last('sat/label_recovery', runs),
    testAccuracyAtBestValidation: last('test/accuracy_at_best_val', runs),
    riskCoverageArea: last('selective/aurc', runs),
  }));
}

/** A value of a sweep in few words: `sat, alpha 0.9` for an object that chooses by name. */
export function settingWords(value: unknown): string {
  if (!isObject(value)) return typeof value === 'string' ? value : JSON.stringify(value);
  return Object.entries(value)
    .map(([key, inner]) => (key === 'name' || key === 'type' ? settingWords(inner) : `${key} ${settingWords(inner)}`))
    .join(', ');
}

function last(metric: string, runs: readonly Run[]): Spread | null {
  return spread(runs.map((run) => run.latest(metric)?.value));
}

function spread(values: readonly (number | undefined)[]): Spread | null {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0) return null;
  return { mean: mean(known), sd: known.length > 1 ? sampleStandardDeviation(known) : null };
}
