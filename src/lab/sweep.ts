import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { RunConfig } from '../protocol/config';
import { messageOf } from '../protocol/errors';
import type { RunRecord, RunStatus } from '../protocol/run';
import { cellHash, recordedConfig, type ConfigCell } from './config';
import { distinguishingLabels } from './labels';
import { resumeRun, startRun, type NewRun, type Tools } from './launch';
import { noiseFileChanged, noiseFileFingerprint } from './noiseFile';
import { Run } from './run';
import { stopRun } from './stop';
import { readRunRecord, runIds } from './store';
import { withCell } from './sweepClaim';

/** A grid of runs to be had. */
export interface SweepPlan {
  runsFolder: string;
  /** What its runs are filed under. */
  group: string;
  /** The configuration file, absolute, or `preset:NAME`. */
  config: string;
  /** `key.path=value` by hand, as for `--set`. */
  settings: string[];
  cells: readonly ConfigCell[];
}

/** One cell of a sweep, and the run that fills it. */
export interface SweepCell extends ConfigCell {
  label: string;
  run: Run | undefined;
  /** `waiting`: nobody works on it yet, though there may be a run to go on with. */
  state: 'waiting' | RunStatus;
  /** Why it could not be started or went wrong, in words. */
  problem: string | undefined;
}

const pollMilliseconds = 300;

/**
 * Fills the cells of a grid, so many at a time. A cell with a finished run is done, whoever made that run; one that runs
 * is waited for; a stopped or lost one with a checkpoint goes on from there; anything else, a failed one too, is run
 * anew. Nothing but the runs' folders is remembered, so that doing it again goes on where it was interrupted.
 */
export class Sweep {
  private stopping = false;
  /** Folders of the runs that it started or went on with. */
  private readonly begun = new Set<string>();

  private constructor(
    readonly plan: SweepPlan,
    readonly cells: readonly SweepCell[],
    private readonly tools: Tools,
  ) {}

  /** Looks for what is there already. */
  static async open(plan: SweepPlan, tools: Tools): Promise<Sweep> {
    const cells = new Map(plan.cells.map((cell) => [cell.hash, cell]));
    const labels = distinguishingLabels([...cells.values()].map(({ config }) => config));
    const runs = await runsOfCells(plan.runsFolder, [...cells.values()]);
    const found = [...cells.values()].map((cell, i): SweepCell => {
      const run = bestRunOf(cell, runs, plan.group);
      const going = run?.status === 'completed' || run?.status === 'running';
      return { ...cell, label: labels[i] ?? cell.hash, run, state: going ? run.status : 'waiting', problem: undefined };
    });
    return new Sweep(plan, found, tools);
  }

  /**
   * Works to the end, or to a stop. A cell that fails does not keep the others from running.
   * @param jobs how many runs at a time
   * @param onChange called when a cell has changed
   */
  async run(jobs: number, onChange: () => void = () => {}): Promise<void> {
    const groupSize = this.cells.filter(
      ({ state, run }) => state !== 'completed' || run?.record?.group === this.plan.group,
    ).length;
    // What runs already, from before an interruption, takes its place among the jobs first.
    const queue = [
      ...this.cells.filter(({ state }) => state === 'running'),
      ...this.cells.filter(({ state }) => state === 'waiting'),
    ];
    const work = async () => {
      for (let cell = queue.shift(); cell && !this.stopping; cell = queue.shift()) {
        await this.fill(cell, { groupSize, threads: threadsOfEach(jobs) }, onChange);
      }
    };
    await Promise.all(Array.from({ length: jobs }, work));
  }

  /**
   * Stops what runs, and starts nothing more. Runs of somebody else that are waited for go on.
   * @param graceSeconds how long a run may take to write its checkpoint */
  async stop(graceSeconds?: number): Promise<void> {
    this.stopping = true;
    const running = this.cells.filter(({ state }) => state === 'running').flatMap(({ run }) => run ?? []);
    const runs = running.filter((run) => this.isOwn(run));
    // A run that ended in between needs no stopping.
    await Promise.allSettled(runs.map((run) => stopRun(run, graceSeconds)));
  }

  get stopped(): boolean {
    return this.stopping;
  }

  /** Every cell has a finished run. */
  get finished(): boolean {
    return this.cells.every(({ state }) => state === 'completed');
  }

  /** The configurations of the cells that nobody works on yet. */
  get waiting(): RunConfig[] {
    return this.cells.flatMap(({ state, config }) => (state === 'waiting' ? [config] : []));
  }

  get progress(): SweepProgress {
    const runs = this.cells.flatMap(({ run, state }) => (run && state !== 'waiting' ? [run] : []));
    return sweepProgress(runs, this.cells.length, this.waiting.length);
  }

  private async fill(cell: SweepCell, more: OfAllCells, onChange: () => void): Promise<void> {
    try {
      const run = await this.startCell(cell, more);
      cell.run = run;
      cell.state = 'running';
      onChange();
      // A stop that came while the run was being started has not seen it.
      if (this.stopping) await this.stop();
      for (;;) {
        const changed = await run.refresh();
        if (run.status !== 'running' && run.status !== 'queued') break;
        if (changed) onChange();
        if (this.stopping && !this.isOwn(run)) break;
        await sleep(pollMilliseconds);
      }
      // Another's run, which goes on without this sweep.
      cell.state = run.status === 'running' || run.status === 'queued' ? 'waiting' : run.status;
      cell.problem = run.status === 'failed' || run.status === 'lost' ? run.statusNote : undefined;
    } catch (error) {
      cell.state = 'failed';
      cell.problem = messageOf(error);
    }
    onChange();
  }

  private async startCell(cell: SweepCell, more: OfAllCells): Promise<Run> {
    if (cell.run && cell.state === 'running') return cell.run;
    const { config, hash, label } = cell;
    const { runsFolder, group, config: configFile, settings } = this.plan;
    return withCell(runsFolder, hash, async () => {
      // Another sweep with the same cell may have got there since this one looked.
      const run = bestRunOf(cell, await runsOfCells(runsFolder, [cell]), group);
      if (run && !canResume(run)) return run;
      const named = { ...config, name: `${group}: ${label}` };
      const begun =
        run ??
        (await startRun({ runsFolder, config: named, configFile, settings, group, cell: hash, ...more }, this.tools));
      this.begun.add(begun.folder);
      if (run) await resumeRun(run, this.tools);
      return begun;
    });
  }

  /** One that it began, or that it began before it was interrupted: another sweep may have the same name and cell. */
  private isOwn({ folder, record }: Run): boolean {
    const { group, config, settings } = this.plan;
    return (
      this.begun.has(folder) ||
      (record?.group === group && record.configFile === config && isDeepStrictEqual(record.settings, settings))
    );
  }
}

/** What is the same for all runs that a sweep starts. */
type OfAllCells = Pick<NewRun, 'groupSize' | 'threads'>;

/** Threads of so many runs at a time: where each has one for every core, they mostly wait for each other. */
function threadsOfEach(jobs: number): number | undefined {
  return jobs === 1 ? undefined : Math.max(1, Math.floor(availableParallelism() / jobs));
}

/** What the runs of a sweep are filed under: the configuration's own name, else that of its file. */
export function sweepGroup(reference: string, cells: readonly ConfigCell[]): string {
  const [name, ...others] = new Set(cells.map(({ config }) => config.name));
  return name && others.length === 0 ? name : basename(reference);
}

/** How the runs of a sweep stand together. */
export interface SweepProgress {
  /** Cells with a finished run. */
  done: number;
  total: number;
  /** An estimate from the runs so far; undefined before the first step of any, and when nothing runs. */
  secondsLeft: number | undefined;
}

type Seen = Pick<Run, 'id' | 'record' | 'status' | 'duration' | 'progress'>;

/**
 * How far a sweep is, judged by its runs alone. A file that was edited may have left more cells than there are now: the
 * newest count.
 * @param runs all runs of it, newest first, of which several may have been made for one cell
 * @param total number of cells
 * @param waiting how many are still to be begun, where that is known; else a failed one is taken for tried in vain
 */
export function sweepProgress(runs: readonly Seen[], total: number, waiting?: number): SweepProgress {
  const newest = new Map<string, Seen>();
  for (const run of runs) {
    const cell = run.record?.cell ?? run.id;
    if (!newest.has(cell)) newest.set(cell, run);
  }
  const counted = [...newest.values()].slice(0, total);
  const withStatus = (state: RunStatus) => counted.filter(({ status }) => status === state);
  const [done, running, failed] = [withStatus('completed').length, withStatus('running'), withStatus('failed').length];
  const left = secondsLeft(counted, running, waiting ?? total - done - running.length - failed);
  return { done, total, secondsLeft: left };
}

function secondsLeft(runs: readonly Seen[], running: readonly Seen[], waiting: number): number | undefined {
  const durations = runs
    .filter(({ status }) => status === 'completed' || status === 'running')
    .flatMap(({ duration }) => duration ?? []);
  if (running.length === 0 || durations.length === 0) return undefined;
  const mean = durations.reduce((sum, seconds) => sum + seconds, 0) / durations.length;
  const ofRunning = running.map((run) => run.progress.secondsLeft ?? mean);
  const together = ofRunning.reduce((sum, seconds) => sum + seconds, 0) + waiting * mean;
  return Math.max(together / running.length, ...ofRunning);
}

/** The run that fills a cell best: a finished one, else one at work, else one to go on with; the sweep's own first. */
function bestRunOf(cell: ConfigCell, runs: readonly Run[], group: string): Run | undefined {
  const candidates = runs.filter(({ record }) => record && cellOf(record) === cell.hash);
  const own = candidates.filter(({ record }) => record?.group === group);
  const inOrder = [...own, ...candidates];
  return (
    inOrder.find(({ status }) => status === 'completed') ??
    inOrder.find(({ status }) => status === 'running') ??
    own.find(canResume)
  );
}

/**
 * The runs of some cells. Only these are read whole: a folder may hold many others. A run whose noise came from a file
 * that holds something else by now is none of them.
 */
async function runsOfCells(runsFolder: string, cells: readonly ConfigCell[]): Promise<Run[]> {
  const configs = new Map(cells.map(({ hash, config }) => [hash, config]));
  // Many cells share one file.
  const noiseFiles = new Map<string | undefined, Promise<string | null>>();
  const noiseFileOf = (config: RunConfig) => {
    const { file } = config.data.noise ?? {};
    const fingerprint = noiseFiles.get(file) ?? noiseFileFingerprint(config);
    noiseFiles.set(file, fingerprint);
    return fingerprint;
  };
  const folders = (await runIds(runsFolder)).map((id) => join(runsFolder, id));
  const found = await Promise.all(
    folders.map(async (folder) => {
      const record = await readRunRecord(folder);
      const config = record && configs.get(cellOf(record) ?? '');
      if (!record || !config) return [];
      return noiseFileChanged(record.noiseFile, await noiseFileOf(config)) ? [] : [new Run(folder)];
    }),
  );
  const runs = found.flat();
  await Promise.all(runs.map((run) => run.refresh()));
  return runs;
}

/** Hashed anew where this version understands the configuration: a key that is new since then has its default. */
function cellOf(record: RunRecord): string | null {
  const config = recordedConfig(record);
  return config ? cellHash(config) : record.cell;
}

function canResume(run: Run): boolean {
  return (run.status === 'stopped' || run.status === 'lost') && run.hasCheckpoint;
}
