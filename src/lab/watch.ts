import { watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { evaluationsFolder } from '../protocol/evaluation';
import { Run } from './run';
import { runIds } from './store';

/** What happens to runs, told as it happens. */
export interface WatchListener {
  /** Runs appeared or went. */
  onList(): void;
  /** One run's metrics or status changed. */
  onRun(run: Run): void;
}

/** Polls catch what file watchers miss (network file systems, a process that dies without a word). */
const pollMilliseconds = 1000;

/** Follows all runs of several runs folders. */
export class RunsWatcher {
  private readonly runs = new Map<string, Run>();
  private readonly folderWatchers = new Map<string, FSWatcher>();
  private readonly runWatchers = new Map<string, FSWatcher>();
  private timer: NodeJS.Timeout | undefined;
  private folders: readonly string[] = [];
  private readonly updates = new WeakMap<Run, () => Promise<void>>();

  /**
   * Looks for new and removed runs now. Once at a time: making a run gives several events, and each of two that found
   * it new would follow a view of its own.
   */
  readonly scan = onceAtATime(() => this.scanOnce());

  constructor(private readonly listener: WatchListener) {}

  /** All runs, newest first. */
  all(): Run[] {
    return [...this.runs.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  get(folder: string): Run | undefined {
    return this.runs.get(folder);
  }

  /** Starts to follow these folders, in place of the ones before. They need not exist yet. */
  async setFolders(folders: readonly string[]): Promise<void> {
    this.folders = [...new Set(folders)];
    for (const [folder, watcher] of this.folderWatchers) {
      if (this.folders.includes(folder)) continue;
      watcher.close();
      this.folderWatchers.delete(folder);
    }
    await this.scan();
    this.timer ??= setInterval(() => void this.poll(), pollMilliseconds);
    // Following runs must never keep a command line alive.
    this.timer.unref();
  }

  private async scanOnce(): Promise<void> {
    const found = new Set<string>();
    for (const folder of this.folders) {
      this.watchFolder(folder);
      for (const id of await runIds(folder)) found.add(join(folder, id));
    }
    const before = this.runs.size;
    const gone = [...this.runs.keys()].filter((folder) => !found.has(folder));
    for (const folder of gone) {
      this.runs.delete(folder);
      this.unwatchRun(folder);
    }
    const added = [...found].filter((folder) => !this.runs.has(folder)).map((folder) => new Run(folder));
    await Promise.all(added.map((run) => run.refresh()));
    for (const run of added) {
      this.runs.set(run.folder, run);
      this.watchRun(run);
    }
    if (gone.length > 0 || this.runs.size !== before) this.listener.onList();
  }

  /** Looks at one run now. */
  look(run: Run): Promise<void> {
    return this.update(run);
  }

  /** Looks at everything now, also at what has ended: file watchers may have missed that it goes on. */
  async lookAtAll(): Promise<void> {
    await this.scan();
    await Promise.all([...this.runs.values()].map((run) => this.update(run)));
  }

  dispose(): void {
    clearInterval(this.timer);
    for (const watcher of [...this.folderWatchers.values(), ...this.runWatchers.values()]) watcher.close();
    this.folderWatchers.clear();
    this.runWatchers.clear();
  }

  private async poll(): Promise<void> {
    await this.scan();
    for (const run of this.runs.values()) {
      if (run.status === 'running' || run.status === 'queued' || run.hasOpenEvaluations) {
        this.watchRun(run);
        await this.update(run);
      }
    }
  }

  private update(run: Run): Promise<void> {
    const update = this.updates.get(run) ?? onceAtATime(() => this.updateOnce(run));
    this.updates.set(run, update);
    return update();
  }

  private async updateOnce(run: Run): Promise<void> {
    if (await run.refresh()) this.listener.onRun(run);
    this.watchRun(run);
  }

  private watchFolder(folder: string): void {
    if (this.folderWatchers.has(folder)) return;
    const watcher = tryWatch(folder, () => void this.scan());
    if (!watcher) return;
    watcher.on('error', () => {
      watcher.close();
      this.folderWatchers.delete(folder);
    });
    this.folderWatchers.set(folder, watcher);
  }

  /** Ended runs are watched too: one may be resumed or evaluated from elsewhere. */
  private watchRun(run: Run): void {
    if (!this.runs.has(run.folder)) return;
    const folders = [run.folder, ...(run.evaluations.length > 0 ? [join(run.folder, evaluationsFolder)] : [])];
    for (const folder of folders) {
      if (this.runWatchers.has(folder)) continue;
      const watcher = tryWatch(folder, () => void this.update(run));
      if (!watcher) continue;
      watcher.on('error', () => this.unwatch(folder));
      this.runWatchers.set(folder, watcher);
    }
  }

  private unwatchRun(folder: string): void {
    this.unwatch(folder);
    this.unwatch(join(folder, evaluationsFolder));
  }

  private unwatch(folder: string): void {
    this.runWatchers.get(folder)?.close();
    this.runWatchers.delete(folder);
  }
}

/** Does something once at a time, and once more when it is asked for meanwhile. */
function onceAtATime(action: () => Promise<void>): () => Promise<void> {
  let working: Promise<void> | undefined;
  let asked = false;
  const work = async () => {
    try {
      while (asked) {
        asked = false;
        await action();
      }
    } finally {
      working = undefined;
    }
  };
  return () => {
    asked = true;
    working ??= work();
    return working;
  };
}

function tryWatch(path: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(path, { persistent: false }, onChange);
  } catch {
    // Not there yet, or a file system without watching: the poll finds what changes.
    return undefined;
  }
}
