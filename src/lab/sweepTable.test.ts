import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { formatEvent } from '../protocol/events';
import { runRecordSchema } from '../protocol/run';
import { Run } from './run';
import type { SweepCell } from './sweep';
import { markdownTable, settingWords, sweepTable, tableWords } from './sweepTable';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** A run that has told of these test accuracies, of its label recovery and of other metrics. */
async function runWith(accuracies: number[], recovery?: number, others: Record<string, number> = {}): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'sat-table-'));
  folders.push(folder);
  const lines = accuracies.map((accuracy, i) =>
    formatEvent({
      event: 'metrics',
      step: i + 1,
      values: {
        'test/accuracy': accuracy,
        ...(recovery === undefined ? {} : { 'sat/label_recovery': recovery }),
        ...others,
      },
    }),
  );
  writeFileSync(join(folder, 'metrics.ndjson'), lines.join(''));
  const run = new Run(folder);
  await run.refresh();
  return run;
}

type Cell = Parameters<typeof sweepTable>[0][number];
const cell = (settings: object, run?: Run, state: SweepCell['state'] = 'completed'): Cell => ({
  settings: settings as Cell['settings'],
  run,
  state,
});

describe('the table of a sweep', () => {
  it('gives mean and sample standard deviation over the seeds, best and last', async () => {
    const { rows, columns } = sweepTable([
      cell({ rate: 0.2, seed: 0 }, await runWith([0.9, 0.7], 0.95)),
      cell({ rate: 0.2, seed: 1 }, await runWith([0.8, 0.6], 0.97)),
      cell({ rate: 0.2, seed: 2 }, await runWith([0.7, 0.5], 0.99)),
      cell({ rate: 0.4, seed: 0 }, await runWith([0.6, 0.4])),
    ]);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({ settings: { rate: 0.2 }, n: 3 });
    // Three values 0.1 apart: the sum of squares is 0.02, over n − 1 = 2.
    const results = rows[0]?.results ?? {};
    expect(results['testAccuracyBest']?.mean).toBeCloseTo(0.8, 12);
    expect(results['testAccuracyBest']?.sd).toBeCloseTo(0.1, 12);
    expect(results['testAccuracyLast']?.mean).toBeCloseTo(0.6, 12);
    expect(results['labelRecovery']?.mean).toBeCloseTo(0.97, 12);
    expect(results['labelRecovery']?.sd).toBeCloseTo(0.02, 12);
    expect(rows[1]).toEqual({
      settings: { rate: 0.4 },
      n: 1,
      results: {
        testAccuracyBest: { mean: 0.6, sd: null },
        testAccuracyLast: { mean: 0.4, sd: null },
        labelRecovery: null,
      },
    });
    // What no run has told of has no column.
    expect(columns.map(({ title }) => title)).toEqual(['test accuracy, best', 'last', 'label recovery']);
  });

  it('tells what is memorised, where training images are noisy', async () => {
    const told = { 'train_eval/accuracy': 1, 'train_eval/clean_accuracy': 0.6 };
    const of = async (noise: object | null) => {
      const run = await runWith([0.5], undefined, told);
      run.record = runRecordSchema.parse({ version: 1, id: 'one', created: '', config: { data: { noise } } });
      return sweepTable([cell({ seed: 0 }, run)]);
    };
    const noisy = await of({ type: 'Gaussian', rate: 0.4 });
    expect(noisy.rows[0]?.results).toMatchObject({
      trainAccuracyGivenLabels: { mean: 1 },
      trainAccuracyTrueLabels: { mean: 0.6 },
    });
    expect(Object.keys((await of(null)).rows[0]?.results ?? {})).toEqual(['testAccuracyBest', 'testAccuracyLast']);
  });

  it('takes what else the runs have told at their end', async () => {
    const more = (atBest: number, aurc: number) => ({
      'test/accuracy_at_best_val': atBest,
      'selective/aurc': aurc,
      'selective/risk@95': 0.02,
      'test/robust_accuracy/pgd20': 0.3,
    });
    const { columns, rows } = sweepTable([
      cell({ seed: 0 }, await runWith([0.9, 0.7], 0.95, more(0.8, 0.02))),
      cell({ seed: 1 }, await runWith([0.8, 0.6], 0.97, more(0.7, 0.04))),
    ]);
    const results = rows[0]?.results ?? {};
    expect(results['testAccuracyAtBestValidation']?.mean).toBeCloseTo(0.75, 12);
    expect(results['riskCoverageArea']?.mean).toBeCloseTo(0.03, 12);
    expect(results['riskCoverageArea']?.sd).toBeCloseTo(Math.SQRT2 / 100, 12);
    expect(results['robustAccuracyLast/pgd20']?.mean).toBeCloseTo(0.3, 12);
    expect(results['selectiveRisk95']?.mean).toBeCloseTo(0.02, 12);
    expect(columns.map(({ title }) => title).slice(-3)).toEqual(['risk at 95 %', 'PGD-20, best', 'last']);
  });

  it('counts finished runs only, and keeps the row of a setting that has none', async () => {
    const half = await runWith([0.9]);
    const { rows } = sweepTable([
      cell({ rate: 0.2, seed: 0 }, half, 'stopped'),
      cell({ rate: 0.4, seed: 0 }, undefined, 'failed'),
      cell({ rate: 0.4, seed: 1 }, await runWith([0.5])),
    ]);
    expect(rows.map(({ settings, n }) => [settings, n])).toEqual([
      [{ rate: 0.2 }, 0],
      [{ rate: 0.4 }, 1],
    ]);
    expect(rows[0]?.results['testAccuracyLast']).toBeNull();
  });

  it('has one row for a setting that does not apply to some, and names none there', () => {
    const { rows } = sweepTable([
      cell({ startEpoch: 2, name: 'sat' }),
      cell({ startEpoch: 3, name: 'sat' }),
      cell({ name: 'erm', seed: 0 }),
      cell({ name: 'erm', seed: 1 }),
    ]);
    expect(rows.map(({ settings }) => settings)).toEqual([
      { startEpoch: 2, name: 'sat' },
      { startEpoch: 3, name: 'sat' },
      { name: 'erm' },
    ]);
  });

  it('names only settings that differ', () => {
    const method = { name: 'sat', alpha: 0.9 };
    const { rows } = sweepTable([
      cell({ method, epochs: 1, seed: 0, 'data.noise.seed': 0 }),
      cell({ method, epochs: 2, seed: 1, 'data.noise.seed': 1 }),
    ]);
    expect(rows.map(({ settings }) => settings)).toEqual([{ epochs: 1 }, { epochs: 2 }]);
    expect(sweepTable([cell({ seed: 0 }), cell({ seed: 1 })]).rows).toMatchObject([{ settings: {} }]);
  });
});

describe('the words of a table', () => {
  it('are settings, mean ± spread in percent, and the number of runs; in Markdown too', async () => {
    const words = tableWords(
      sweepTable([
        cell({ method: { name: 'sat_sce', alpha: 0.9 }, seed: 0 }, await runWith([0.9, 0.7], 0.95)),
        cell({ method: { name: 'sat_sce', alpha: 0.9 }, seed: 1 }, await runWith([0.8, 0.6], 0.97)),
        cell({ method: { name: 'erm' }, seed: 0 }, await runWith([0.5])),
        cell({ method: { name: 'a|b' } }),
      ]),
    );
    expect(words).toEqual({
      head: ['method', 'test accuracy, best', 'last', 'label recovery', 'n'],
      rows: [
        ['sat_sce, alpha 0.9', '85.0 ± 7.1 %', '65.0 ± 7.1 %', '96.0 ± 1.4 %', '2'],
        ['erm', '50.0 %', '50.0 %', '–', '1'],
        ['a|b', '–', '–', '–', '0'],
      ],
      settings: 1,
    });
    expect(markdownTable(words).split('\n')).toEqual([
      '| method | test accuracy, best | last | label recovery | n |',
      '|---|--:|--:|--:|--:|',
      '| sat\\_sce, alpha 0.9 | 85.0 ± 7.1 % | 65.0 ± 7.1 % | 96.0 ± 1.4 % | 2 |',
      '| erm | 50.0 % | 50.0 % | – | 1 |',
      '| a\\|b | – | – | – | 0 |',
    ]);
  });
});

describe('a setting in words', () => {
  it.each([
    [0.2, '0.2'],
    ['trades', 'trades'],
    [{ name: 'erm' }, 'erm'],
    [{ name: 'sat', alpha: 0.9, startEpoch: 3 }, 'sat, alpha 0.9, startEpoch 3'],
    [{ type: 'gaussian', rate: 0.4 }, 'gaussian, rate 0.4'],
    [null, 'null'],
    [undefined, '–'],
  ])('%j is %s', (value, words) => expect(settingWords(value)).toBe(words));
});
