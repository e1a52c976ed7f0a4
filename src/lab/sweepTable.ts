import { mean, sampleStandardDeviation } from 'simple-statistics';
import { attackTitle } from './robustness';
import { isObject, type JsonObject } from './configMerge';
import type { Run } from './run';
import type { SweepCell } from './sweep';

/** One number over the seeds: the mean and the sample standard deviation, null for fewer than two. */
export interface Spread {
  mean: number;
  sd: number | null;
}

/** The finished runs that differ in nothing but their seeds, put together. */
export interface SweepRow {
  /** The settings that tell this row from the others, by path. */
  settings: JsonObject;
  /** Number of finished runs. */
  n: number;
  /** What they came to, by the column's key; null: no run has told of it. */
  results: Record<string, Spread | null>;
}

/** What one can ask of each run of a sweep. All are shares in [0, 1]. */
interface Column {
  key: string;
  title: string;
  of: (run: Run) => number | undefined;
}

export interface SweepTable {
  /** Those of which any run has told, in their order. */
  columns: Pick<Column, 'key' | 'title'>[];
  rows: SweepRow[];
}

const last = (metric: string) => (run: Run) => run.latest(metric)?.value;
const best = (metric: string) => (run: Run) => run.best(metric)?.value;

/** Of training images, where some of them are noisy: what is memorised shows in it. */
const lastOfNoisy = (metric: string) => (run: Run) => {
  const data = run.record?.config['data'];
  return isObject(data) && data['noise'] ? last(metric)(run) : undefined;
};

/** The best epoch is chosen on the test set itself; other numbers are those after the last epoch. */
const usualColumns: readonly Column[] = [
  { key: 'testAccuracyBest', title: 'test accuracy, best', of: best('test/accuracy') },
  { key: 'testAccuracyLast', title: 'last', of: last('test/accuracy') },
  { key: 'testAccuracyAtBestValidation', title: 'at best validation', of: last('test/accuracy_at_best_val') },
  { key: 'trainAccuracyGivenLabels', title: 'training, given labels', of: lastOfNoisy('train_eval/accuracy') },
  { key: 'trainAccuracyTrueLabels', title: 'true labels', of: lastOfNoisy('train_eval/clean_accuracy') },
  { key: 'labelRecovery', title: 'label recovery', of: last('sat/label_recovery') },
  { key: 'riskCoverageArea', title: 'AURC', of: last('selective/aurc') },
];

/** Kinds of metrics that bear what was asked in their names. */
const families: readonly { prefix: string; columns: (rest: string, metric: string) => Column[] }[] = [
  {
    prefix: 'selective/risk@',
    columns: (coverage, metric) => [
      { key: `selectiveRisk${coverage}`, title: `risk at ${coverage} %`, of: last(metric) },
    ],
  },
  {
    prefix: 'test/robust_accuracy/',
    columns: (attack, metric) => [
      { key: `robustAccuracyBest/${attack}`, title: `${attackTitle({ name: attack })}, best`, of: best(metric) },
      { key: `robustAccuracyLast/${attack}`, title: 'last', of: last(metric) },
    ],
  },
];

/** Paths that repeat an experiment rather than change it. */
export const seedPaths: ReadonlySet<string> = new Set(['seed', 'data.noise.seed']);

/** A sweep's results: one row for each combination of the settings that differ, over the seeds. */
export function sweepTable(cells: readonly Pick<SweepCell, 'settings' | 'run' | 'state'>[]): SweepTable {
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
  const columns = columnsOf([...rows.values()].flatMap(({ runs }) => runs));
  return {
    columns: columns.map(({ key, title }) => ({ key, title })),
    rows: [...rows.values()].map(({ settings, runs }) => ({
      settings,
      n: runs.length,
      results: Object.fromEntries(columns.map(({ key, of }) => [key, spread(runs.map(of))])),
    })),
  };
}

/** A table of which everything is text: the settings, the results and the number of runs. */
export interface TableWords {
  head: string[];
  rows: string[][];
  /** How many columns at the beginning are settings; what follows are numbers. */
  settings: number;
}

/** A sweep's results in words, "87.4 ± 0.3 %" for example. */
export function tableWords({ columns, rows }: SweepTable): TableWords {
  const paths = Object.keys(rows[0]?.settings ?? {});
  return {
    head: [...paths, ...columns.map(({ title }) => title), 'n'],
    rows: rows.map(({ settings, results, n }) => [
      ...paths.map((path) => settingWords(settings[path])),
      ...columns.map(({ key }) => spreadWords(results[key] ?? null)),
      String(n),
    ]),
    settings: paths.length,
  };
}

function spreadWords(spread: Spread | null): string {
  if (!spread) return '–';
  const percent = (value: number) => (value * 100).toFixed(1);
  return `${percent(spread.mean)}${spread.sd === null ? '' : ` ± ${percent(spread.sd)}`} %`;
}

/** The same in Markdown, numbers to the right. */
export function markdownTable({ head, rows, settings }: TableWords): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  const rule = `|${head.map((_, i) => (i < settings ? '---|' : '--:|')).join('')}`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

/** Text in Markdown, in which lines break at blanks. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-!~<>$|]/g, '\\$&').replace(/\n/g, ' ');
}

function columnsOf(runs: readonly Run[]): Column[] {
  const metrics = [...new Set(runs.flatMap(({ series }) => [...series.keys()]))];
  const named = families.flatMap(({ prefix, columns }) =>
    metrics
      .filter((metric) => metric.startsWith(prefix))
      .flatMap((metric) => columns(metric.slice(prefix.length), metric)),
  );
  return [...usualColumns, ...named].filter(({ of }) => runs.some((run) => of(run) !== undefined));
}

/** A value of a sweep in few words: `sat, alpha 0.9` for an object that chooses by name; – where it does not apply. */
export function settingWords(value: unknown): string {
  if (value === undefined) return '–';
  if (!isObject(value)) return typeof value === 'string' ? value : JSON.stringify(value);
  return Object.entries(value)
    .map(([key, inner]) => (key === 'name' || key === 'type' ? settingWords(inner) : `${key} ${settingWords(inner)}`))
    .join(', ');
}

function spread(values: readonly (number | undefined)[]): Spread | null {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0) return null;
  return { mean: mean(known), sd: known.length > 1 ? sampleStandardDeviation(known) : null };
}
