import { copyFile, link, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EventSink } from '../eventStream';
import { runFiles } from '../../protocol/run';
import { saveCheckpoint, type CheckpointContext, type Progress, type Trained } from './checkpoint';

/** Writes a run's checkpoints, keeps the newest n besides `latest` and `best`, and tells of each. */
export class CheckpointKeeper {
  private readonly kept: string[] = [];

  constructor(
    private readonly runFolder: string,
    private readonly keep: number,
    private readonly context: CheckpointContext,
    private readonly events: EventSink,
  ) {}

  /** `epoch-N.safetensors`, at the end of an epoch. */
  async saveEpoch(trained: Trained, progress: Progress): Promise<void> {
    await this.save(`epoch-${progress.epoch}`, trained, progress);
    this.kept.push(`epoch-${progress.epoch}`);
    while (this.kept.length > this.keep) {
      const oldest = this.kept.shift();
      if (oldest) await rm(this.path(oldest), { force: true });
    }
  }

  /** `step-N.safetensors`, at a stop in the middle of an epoch. */
  async saveStop(trained: Trained, progress: Progress): Promise<void> {
    await this.save(`step-${progress.step}`, trained, progress);
  }

  /** `best.safetensors`. */
  async saveBest(trained: Trained, progress: Progress): Promise<void> {
    await mkdir(join(this.runFolder, runFiles.checkpoints), { recursive: true });
    await saveCheckpoint(this.path('best'), trained, progress, this.context);
    this.tell('best', progress);
  }

  /** Takes up the list of epoch checkpoints that an earlier part of this run left. */
  resume(names: readonly string[]): void {
    this.kept.push(...names);
  }

  private async save(name: string, trained: Trained, progress: Progress): Promise<void> {
    await mkdir(join(this.runFolder, runFiles.checkpoints), { recursive: true });
    await saveCheckpoint(this.path(name), trained, progress, this.context);
    await this.pointLatestTo(name);
    this.tell(name, progress);
  }

  /** `latest` is another name for the same file where the file system has links, a copy elsewhere; never half a file. */
  private async pointLatestTo(name: string): Promise<void> {
    const temporary = this.path(`latest.${process.pid}`);
    await rm(temporary, { force: true });
    await link(this.path(name), temporary).catch(() => copyFile(this.path(name), temporary));
    await rename(temporary, this.path('latest'));
  }

  private tell(name: string, { step, epoch }: Progress): void {
    this.events.emit({ event: 'checkpoint', step, epoch, path: `${runFiles.checkpoints}/${name}.safetensors` });
  }

  private path(name: string): string {
    return join(this.runFolder, runFiles.checkpoints, `${name}.safetensors`);
  }
}
