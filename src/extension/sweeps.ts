import * as vscode from 'vscode';
import { messageOf } from '../protocol/errors';
import { formatProblem, loadConfigFile } from '../lab/config';
import type { Run } from '../lab/run';
import { runsFolderOf } from '../lab/store';
import { Sweep, sweepGroup, type SweepCell } from '../lab/sweep';
import { claimSweep, leaveSweep, sweepFile, unfinishedSweeps, type SweepCall } from '../lab/sweepClaim';
import type { Lab } from './lab';

/** What to sweep, and where its runs go. */
export interface SweepStart extends Pick<SweepCall, 'config' | 'settings'> {
  runsFolder: string;
}

/** A sweep, and what its runs are filed under. */
export interface NamedSweep extends SweepStart {
  group: string;
}

/** A sweep that can be gone on with. */
interface Unfinished extends NamedSweep {
  interrupted: boolean;
}

/** The process of a window that was reloaded may live a little longer than the window, in milliseconds. */
const secondLook = 15_000;

/**
 * The sweeps that this window works on. A reload ends the work but not the runs: the sweep is offered again, and takes
 * over what still runs.
 */
export class Sweeps implements vscode.Disposable {
  /** By what tells one sweep from another: two files may file their runs under one name. */
  private readonly active = new Map<string, Sweep>();
  private readonly emitter = new vscode.EventEmitter<void>();
  private readonly endEmitter = new vscode.EventEmitter<Sweep>();
  private readonly offered = new Set<string>();
  private timer: NodeJS.Timeout | undefined;

  /** A sweep began, ended, or one of its cells changed. */
  readonly onDidChange = this.emitter.event;
  /** The work on a sweep came to its end, or was stopped. */
  readonly onDidEnd = this.endEmitter.event;

  constructor(private readonly lab: Lab) {}

  /** Those at work. */
  get running(): Sweep[] {
    return [...this.active.values()];
  }

  /** Those at work that some runs are of. */
  runningOf(runs: readonly Run[]): Sweep[] {
    const keys = keysOf(runs);
    return [...this.active].flatMap(([key, sweep]) => (keys.has(key) ? [sweep] : []));
  }

  /** Those that the runs of this window are of, or that are at work. */
  async all(): Promise<NamedSweep[]> {
    await this.lab.load();
    const sweeps = [...this.running.map(({ plan }) => plan), ...this.lab.runs.flatMap((run) => sweepOf(run) ?? [])];
    return [...new Map(sweeps.map((sweep) => [sweepFile(sweep.runsFolder, sweep), sweep])).values()];
  }

  /** The cells of a sweep with what fills them, at work or not. @throws Error in words when its file is not sound */
  async cellsOf(sweep: SweepStart): Promise<readonly SweepCell[]> {
    const active = this.active.get(sweepFile(sweep.runsFolder, sweep));
    return (active ?? (await this.open(sweep))).cells;
  }

  /** Runs of a sweep's name that fill none of its cells: its file or its settings have changed since. */
  runsBeside({ group, config, runsFolder }: NamedSweep, cells: readonly SweepCell[]): Run[] {
    const hashes = new Set(cells.map(({ hash }) => hash));
    return this.lab.runs.filter(
      (run) =>
        run.record?.group === group &&
        run.record.configFile === config &&
        runsFolderOf(run) === runsFolder &&
        !hashes.has(run.record.cell ?? ''),
    );
  }

  /**
   * Begins a sweep, or goes on with it.
   * @throws FaultError when its runs cannot start, Error in words when it is not sound or another process works on it
   */
  async start(start: SweepStart): Promise<void> {
    const sweep = await this.open(start);
    const { config, settings, runsFolder } = start;
    const { group } = sweep.plan;
    const jobs = Math.max(1, vscode.workspace.getConfiguration('satLab').get<number>('sweepJobs', 1));
    await this.lab.requireSound(sweep.waiting);
    const release = await claimSweep(runsFolder, { group, config, settings, jobs });
    this.active.set(sweepFile(runsFolder, sweep.plan), sweep);
    this.emitter.fire();
    void this.work(sweep, jobs, release);
  }

  /** All that can be gone on with in the folders of this window. */
  async unfinished(): Promise<Unfinished[]> {
    const inFolders = await Promise.all(
      this.lab.runsFolders.map(async (runsFolder) =>
        (await unfinishedSweeps(runsFolder)).map((sweep) => ({ ...sweep, runsFolder })),
      ),
    );
    return inFolders.flat();
  }

  /**
   * What can be gone on with of the sweeps that some runs are of. A sweep that was copied here has left no note beside
   * its runs, but they know its file and its settings.
   */
  async unfinishedOf(runs: readonly Run[]): Promise<SweepStart | undefined> {
    const keys = keysOf(runs);
    const unfinished = await this.unfinished();
    const noted = unfinished.find((sweep) => keys.has(sweepFile(sweep.runsFolder, sweep)));
    // Runs of earlier versions do not know their settings.
    const namesake = unfinished.find(({ group }) => runs.some(({ record }) => record?.group === group));
    return noted ?? namesake ?? runs.map(sweepOf).find((start) => start !== undefined);
  }

  /** Asks once for each interrupted sweep whether to go on with it. */
  async offerInterrupted(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.offer(), secondLook);
    await this.offer();
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.emitter.dispose();
    this.endEmitter.dispose();
  }

  private async open({ config, settings, runsFolder }: SweepStart): Promise<Sweep> {
    const result = await loadConfigFile(config, settings);
    if (!result.ok) throw new Error(result.problems.map(formatProblem).join('; '));
    const { cells } = result;
    return Sweep.open({ runsFolder, group: sweepGroup(config, cells), config, settings, cells }, this.lab.tools);
  }

  private async offer(): Promise<void> {
    if (!vscode.workspace.isTrusted) return;
    for (const sweep of await this.unfinished()) {
      const key = sweepFile(sweep.runsFolder, sweep);
      if (!sweep.interrupted || this.offered.has(key)) continue;
      this.offered.add(key);
      void this.ask(sweep);
    }
  }

  private async ask(sweep: Unfinished): Promise<void> {
    const resume = vscode.l10n.t('Resume Sweep');
    const message = vscode.l10n.t('{0} was interrupted. What has run is kept.', sweep.group);
    const answer = await vscode.window.showInformationMessage(message, resume);
    try {
      if (answer === resume) await this.start(sweep);
      else await leaveSweep(sweep.runsFolder, { ...sweep, jobs: 1 });
    } catch (error) {
      void vscode.window.showErrorMessage(messageOf(error));
    }
  }

  private async work(sweep: Sweep, jobs: number, release: (finished: boolean) => Promise<void>): Promise<void> {
    try {
      await sweep.run(jobs, () => this.emitter.fire());
      await release(sweep.finished);
      this.endEmitter.fire(sweep);
    } catch (error) {
      void vscode.window.showErrorMessage(messageOf(error));
    } finally {
      this.active.delete(sweepFile(sweep.plan.runsFolder, sweep.plan));
      this.emitter.fire();
    }
  }
}

function keysOf(runs: readonly Run[]): ReadonlySet<string> {
  return new Set(runs.map(sweepOf).flatMap((start) => (start ? [sweepFile(start.runsFolder, start)] : [])));
}

/** The sweep that a run is of, as it was begun; undefined when it is of none. */
export function sweepOf(run: Run): NamedSweep | undefined {
  const { group, configFile, settings } = run.record ?? {};
  if (!group || !configFile) return undefined;
  return { group, config: configFile, settings: settings ?? [], runsFolder: runsFolderOf(run) };
}
