import { setTimeout as sleep } from 'node:timers/promises';
import type { StartEvent } from '../protocol/events';
import type { Pin, RunRecord } from '../protocol/run';
import { recordedConfig } from './config';
import { leaves } from './labels';
import { startRun, type Tools } from './launch';
import type { Run } from './run';
import { pinFor, threadsFor } from './runtimePin';
import { runsFolderOf } from './store';
import { requireSound } from './trainerQueries';

const pollMilliseconds = 100;

/** Something that is not as it was when a run was made, and may change its numbers. */
export interface Difference {
  /** Such as `versions.trainer`. */
  what: string;
  then: string;
  now: string;
}

/**
 * Starts a new run with the very configuration of another, beside it, computed by what computed the other.
 * @param runtime what may compute it instead
 * @returns the new run, and what is known at once to differ from when the first was made
 * @throws RuntimeGoneError when what computed the other is not installed, FaultError when it cannot start, and Error in
 * words when this version does not understand the configuration
 */
export async function rerun(
  run: Run,
  tools: Tools,
  runtime?: Pin['runtime'],
): Promise<{ run: Run; differences: Difference[] }> {
  await run.refresh();
  const { record } = run;
  const config = record && recordedConfig(record);
  if (!config) {
    const by = record?.versions['sat-lab'];
    throw new Error(
      `The configuration of ${run.name} is not understood by SAT Lab ${tools.version}.${by ? ` It was made by ${by}; use that.` : ''}`,
    );
  }
  const pinned = await pinFor(run, runtime, `sat rerun ${run.id}`);
  await requireSound(tools, [{ ...config, ...pinned }]);
  const configFile = record.configFile ?? undefined;
  const cell = record.cell ?? undefined;
  const again = await startRun(
    {
      runsFolder: runsFolderOf(run),
      config,
      configFile,
      settings: record.settings,
      cell,
      rerunOf: run.id,
      pinned,
      threads: threadsFor(run, runtime),
    },
    tools,
  );
  return { run: again, differences: differencesOf(run, again) };
}

/** The command that repeats a run, for a shell of this platform. */
export function rerunCommandLine(run: Run): string {
  return ['sat', 'rerun', run.id, '--runs', runsFolderOf(run)].map((word) => quoted(word)).join(' ');
}

/** One word of a command line: for POSIX shells, or for those of Windows, whose paths hold no quotation marks. */
export function quoted(word: string, platform = process.platform): string {
  if (platform === 'win32') return /^[\w:\\./-]+$/.test(word) ? word : `"${word}"`;
  return /^[\w:./-]+$/.test(word) ? word : `'${word.replace(/'/g, `'\\''`)}'`;
}

/** Waits until a run has told what computes it, or has ended. */
export async function untilBegun(run: Run): Promise<void> {
  while (!run.start && (run.status === 'running' || run.status === 'queued')) {
    await sleep(pollMilliseconds);
    await run.refresh();
  }
}

/** What differs between two runs as far as both have told: what computes them they tell at their start. */
export function differencesOf(then: Run, now: Run): Difference[] {
  return then.record && now.record
    ? differencesBetween({ ...then.record, start: then.start }, { ...now.record, start: now.start })
    : [];
}

type Circumstances = Pick<RunRecord, 'config' | 'versions' | 'machine' | 'git'> & {
  noiseFile?: RunRecord['noiseFile'];
  start?: StartEvent | undefined;
};

/** What differs, key by key. */
export function differencesBetween(then: Circumstances, now: Circumstances): Difference[] {
  const recorded = ({ config, versions, machine, git }: Circumstances) => leaves({ config, versions, machine, git });
  const told = ({ noiseFile, start }: Circumstances) => {
    const { runtime, device, versions, threads, data } = start ?? {};
    return leaves({ noiseFile, runtime, device, versions, threads, data });
  };
  const [toldThen, toldNow] = [told(then), told(now)];
  return [
    ...differing(recorded(then), recorded(now)),
    // Runs of earlier versions told less, and one that has not begun tells nothing: that is no difference.
    ...differing(toldThen, toldNow).filter(({ what }) => toldThen.has(what) && toldNow.has(what)),
  ];
}

function differing(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): Difference[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((what) => before.get(what) !== after.get(what))
    .map((what) => ({ what, then: before.get(what) ?? 'none', now: after.get(what) ?? 'none' }));
}

/** A value that is not the same in two runs. */
export interface MetricDifference {
  metric: string;
  step: number;
  first: number;
  /** Undefined: the second run has not told of it. */
  second: number | undefined;
}

/** How far a run repeats another one. */
export interface Repetition {
  /** How many values of the first were looked for in the second. */
  compared: number;
  /** The earliest that the second does not repeat. */
  difference: MetricDifference | undefined;
  /** The last step of the second, where it did not come to its end: what it did not come to is not compared. */
  stoppedAt: number | undefined;
}

/** Compares what two runs have measured, bit for bit, times and speeds aside. */
export function compareRuns(first: Run, second: Run): Repetition {
  const complete = second.status === 'completed';
  let compared = 0;
  let difference: MetricDifference | undefined;
  for (const [metric, { steps, values }] of first.series) {
    if (metric === 'images_per_second' || metric.startsWith('device/')) continue;
    const other = second.series.get(metric);
    const at = new Map(other ? Array.from(other.steps, (step, i) => [step, other.values[i]]) : []);
    values.forEach((value, i) => {
      const step = steps[i] ?? NaN;
      const again = at.get(step);
      if (again === undefined && !complete) return;
      compared += 1;
      if (Object.is(value, again) || (difference && difference.step <= step)) return;
      difference = { metric, step, first: value, second: again };
    });
  }
  return { compared, difference, stoppedAt: complete ? undefined : second.progress.step };
}

/** Whether a run has repeated another one, in a sentence. */
export function repetitionWords(original: string, { compared, difference, stoppedAt }: Repetition): string {
  if (compared === 0) return `There are no numbers of both to compare with ${original}.`;
  if (difference) {
    const { metric, step, first, second = 'nothing' } = difference;
    return `Not the same numbers as ${original}: ${metric} at step ${step} was ${first}, is ${second}.`;
  }
  const far = stoppedAt === undefined ? '' : `, as far as it came (step ${stoppedAt})`;
  return `The same numbers as ${original}, bit for bit${far}.`;
}
