import type { RunRecord } from '../protocol/run';
import { recordedConfig } from './config';
import { isObject } from './configMerge';
import { gitState } from './git';
import { machine, repositoryOf, startRun, versions, type Tools } from './launch';
import type { Run } from './run';
import { runsFolderOf } from './store';

/** Something that is not as it was when a run was made, and may change its numbers. */
export interface Difference {
  /** Such as `versions.trainer`. */
  what: string;
  then: string;
  now: string;
}

/**
 * Starts a new run with the very configuration of another, beside it.
 * @returns the new run, and what differs from when the first was made
 * @throws Error in words when this version does not understand the configuration
 */
export async function rerun(run: Run, tools: Tools): Promise<{ run: Run; differences: Difference[] }> {
  await run.refresh();
  const { record } = run;
  const config = record && recordedConfig(record);
  if (!config) {
    const by = record?.versions['sat-lab'];
    throw new Error(
      `The configuration of ${run.name} is not understood by SAT Lab ${tools.version}.${by ? ` It was made by ${by}; use that.` : ''}`,
    );
  }
  const runsFolder = runsFolderOf(run);
  const configFile = record.configFile ?? undefined;
  const now = {
    config,
    versions: await versions(tools),
    machine: machine(),
    git: await gitState(repositoryOf({ runsFolder, configFile })),
  };
  const again = { runsFolder, config, configFile, cell: record.cell ?? undefined, rerunOf: run.id };
  return { run: await startRun(again, tools), differences: differencesBetween(record, now) };
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

type Circumstances = Pick<RunRecord, 'config' | 'versions' | 'machine' | 'git'>;

/** What differs, key by key. */
export function differencesBetween(then: Circumstances, now: Circumstances): Difference[] {
  const before = flat({ config: then.config, versions: then.versions, machine: then.machine, git: then.git });
  const after = flat({ config: now.config, versions: now.versions, machine: now.machine, git: now.git });
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((what) => before.get(what) !== after.get(what))
    .map((what) => ({ what, then: before.get(what) ?? 'none', now: after.get(what) ?? 'none' }));
}

/** The first value that is not the same in two runs. */
export interface MetricDifference {
  metric: string;
  step: number;
  first: number;
  /** Undefined: the second run has not told of it. */
  second: number | undefined;
}

/**
 * Compares what two runs have measured, bit for bit, times and speeds aside.
 * @returns the earliest value of the first that the second does not repeat; undefined when there is none
 */
export function firstDifference(first: Run, second: Run): MetricDifference | undefined {
  const found = [...first.series].flatMap(([metric, series]): MetricDifference[] => {
    if (metric === 'images_per_second' || metric.startsWith('device/')) return [];
    const other = second.series.get(metric);
    const at = new Map(other ? Array.from(other.steps, (step, i) => [step, other.values[i]]) : []);
    const i = series.values.findIndex((value, j) => !Object.is(value, at.get(series.steps[j] ?? NaN)));
    const step = series.steps[i];
    const value = series.values[i];
    return step === undefined || value === undefined ? [] : [{ metric, step, first: value, second: at.get(step) }];
  });
  return found.sort((a, b) => a.step - b.step)[0];
}

/** Leaves by path; their values as text. */
function flat(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) flat(inner, path === '' ? key : `${path}.${key}`, into);
  } else if (value !== null && value !== undefined) {
    into.set(path, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return into;
}
