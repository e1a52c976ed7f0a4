import { Command } from 'commander';
import {
  compareRuns,
  differencesOf,
  repetitionWords,
  rerun,
  type Difference,
  type MetricDifference,
} from '../lab/rerun';
import type { Run } from '../lab/run';
import { findRun } from '../lab/store';
import type { Pin } from '../protocol/run';
import { otherRuntime } from './configArguments';
import { runsFolder, tools, withCommonOptions, type CommonOptions } from './context';
import { print } from './output';
import { follow, refuseTwoOutputs } from './runCommand';
import { describeRun } from './runsCommands';

interface RerunOptions extends CommonOptions {
  runtime?: Pin['runtime'];
  detach?: boolean;
  ndjson?: boolean;
}

export function rerunCommand(): Command {
  return withCommonOptions(new Command('rerun'))
    .description('start a run with the very configuration of another, and say whether it gives the same numbers')
    .argument('<run>')
    .addOption(otherRuntime)
    .option('--detach', 'return as soon as the run has started')
    .option('--ndjson', 'print the run’s events')
    .action(async (reference: string, options: RerunOptions) => {
      refuseTwoOutputs(options);
      const original = await findRun(runsFolder(options), reference);
      const { run, differences } = await rerun(original, tools, options.runtime);
      tell(differences);
      if (options.detach) {
        if (options.json) print.json({ ...describeRun(run), differences });
        else print.line(run.id);
        return;
      }
      process.exitCode = await follow(run, options);
      const all = differencesOf(original, run);
      tell(all.filter(({ what }) => !differences.some((known) => known.what === what)));
      const comparison = compare(original, run, all);
      print.note(comparison.words);
      if (options.json) print.json({ ...describeRun(run), differences: all, ...comparison.found });
    });
}

function tell(differences: readonly Difference[]): void {
  for (const { what, then, now } of differences) print.note(`differs: ${what}: ${then} then, ${now} now`);
}

interface Comparison {
  words: string;
  found: { identical: boolean; firstDifference: MetricDifference | null };
}

function compare(original: Run, run: Run, differences: readonly Difference[]): Comparison {
  const repetition = compareRuns(original, run);
  const { compared, difference, stoppedAt } = repetition;
  const seen = difference && differences.length > 0 ? ' What else differs is named above.' : '';
  return {
    words: repetitionWords(original.id, repetition) + seen,
    found: {
      identical: compared > 0 && !difference && stoppedAt === undefined,
      firstDifference: difference ?? null,
    },
  };
}
