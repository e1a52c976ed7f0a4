import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { documentVersion } from '../protocol/config';
import { evaluationsFolder } from '../protocol/evaluation';
import type { StartEvent } from '../protocol/events';
import { lowerIsBetter } from '../protocol/metrics';
import {
  exitSchema,
  runFiles,
  runRecordSchema,
  type ExitRecord,
  type RunRecord,
  type RunStatus,
} from '../protocol/run';
import type { SelectiveFile } from '../protocol/selective';
import { Evaluations, ofPresentFiles, type Evaluation } from './evaluate';
import { describeConfig } from './labels';
import { MetricsReader } from './metricsReader';
import { metricWithAbout, robustAgainst, robustByCheckpoint } from './robustness';
import { SelectiveCurves } from './selective';
import { Series } from './series';
import { deriveStatus } from './status';

/** A metric's value at one moment. */
export interface Point {
  step: number;
  epoch: number;
  value: number;
}

/** A checkpoint of a run. */
export interface RunCheckpoint {
  /** `epoch-10`, `step-812` or `best`. */
  name: string;
  /** Absolute path. */
  path: string;
  step: number;
  epoch: number;
  /** The headline metric where the checkpoint was written, if it was evaluated there. */
  headline: number | undefined;
}

/** The first of these that a run has is what one wants to know of it. */
const headlines = ['test/accuracy', 'val/accuracy', 'train_eval/accuracy', 'train/accuracy'];

/** How long a supervisor may take to note an exit, in milliseconds. */
const settleMilliseconds = 200;

/** One run's folder, read and followed. The folder is the only truth; this is a view of it. */
export class Run {
  record: RunRecord | undefined;
  /** Why the folder cannot be read as a run, in words. */
  problem: string | undefined;
  private exit: ExitRecord | undefined;
  private readonly reader: MetricsReader;
  private readonly evaluated: Evaluations;
  private readonly selective: SelectiveCurves;
  /** What complete evaluations come to, and of which: these series are made anew only when others complete. */
  private curves = { of: '', series: new Map<string, Series>() };
  /** Start time of the process that was found gone, and looked for again. */
  private confirmedLost: string | undefined;
  /** What was last said to have changed. */
  private told = '';
  private derived: { status: RunStatus; note?: string } = { status: 'lost' };

  constructor(readonly folder: string) {
    this.reader = new MetricsReader(join(folder, runFiles.metrics));
    this.evaluated = new Evaluations(join(folder, evaluationsFolder));
    this.selective = new SelectiveCurves(join(folder, runFiles.selective));
  }

  get id(): string {
    return basename(this.folder);
  }

  get name(): string {
    if (!this.record) return this.id;
    return this.record.name || describeConfig(this.record.config) || this.id;
  }

  get status(): RunStatus {
    return this.derived.status;
  }

  /** What the status leaves open: why it failed, what it is judged by. */
  get statusNote(): string | undefined {
    return this.problem ?? this.derived.note;
  }

  get progress() {
    const { start, lastStep, lastEpoch, secondsLeft } = this.reader;
    return { step: lastStep, steps: start?.steps, epoch: lastEpoch, epochs: start?.epochs, secondsLeft };
  }

  /** Seconds that the whole run takes at its speed; undefined before its first step. */
  get duration(): number | undefined {
    return this.reader.duration;
  }

  /** How it told of its newest beginning; undefined before that. */
  get start(): StartEvent | undefined {
    return this.reader.start;
  }

  get runtime(): string | undefined {
    return this.reader.runtime;
  }

  /** Unix seconds of the last event. */
  get lastTime(): number | undefined {
    return this.reader.lastTime;
  }

  get series(): ReadonlyMap<string, Series> {
    return this.reader.series;
  }

  get log(): readonly string[] {
    return this.reader.log;
  }

  /**
   * What can be drawn: what the run has told, what its evaluations came to, and its risk against coverage. Robust
   * accuracies bear what they were measured with in their names, so that only comparable ones share a curve.
   */
  get drawnSeries(): ReadonlyMap<string, Series> {
    const all = new Map<string, Series>();
    for (const [name, series] of this.series) {
      const about = this.reader.about.get(name);
      all.set(about ? metricWithAbout(name, about, this.record?.config) : name, series);
    }
    for (const [name, series] of this.evaluationCurves()) {
      const told = all.get(name);
      all.set(name, told ? merged(told, series) : series);
    }
    for (const [name, series] of this.selective.series) all.set(name, series);
    return all;
  }

  private evaluationCurves(): Map<string, Series> {
    const complete = ofPresentFiles(this.evaluations).filter(({ record }) => record?.counts);
    const of = complete.map(({ id }) => id).join('\n');
    if (of !== this.curves.of) {
      this.curves = { of, series: new Map([...robustByCheckpoint(complete), ...robustAgainst(complete)]) };
    }
    return this.curves.series;
  }

  /** Risk against coverage after the newest evaluation, where the run tells of it. */
  get selectiveResult(): SelectiveFile | undefined {
    return this.selective.content;
  }

  /** All evaluations of the run's checkpoints, oldest first. */
  get evaluations(): Evaluation[] {
    return this.evaluated.all;
  }

  /** Whether an evaluation is at work, or could go on: it may change while the run does not. */
  get hasOpenEvaluations(): boolean {
    return this.evaluations.some(({ status }) => status !== 'completed');
  }

  /**
   * Those of one checkpoint as it is now: a `best` that has been replaced since has none, and `latest` was another name
   * for the newest of the others.
   */
  evaluationsOf({ path, step }: Pick<RunCheckpoint, 'path' | 'step'>): Evaluation[] {
    const names = basename(path) === 'best.safetensors' ? [path] : [path, this.latestCheckpoint];
    return ofPresentFiles(this.evaluations).filter(
      ({ checkpoint, record }) => names.includes(checkpoint) && record?.step === step,
    );
  }

  latest(metric: string): Point | undefined {
    return this.pointAt(metric, (this.series.get(metric)?.length ?? 0) - 1);
  }

  /** The best value so far: the lowest of a loss or a risk, the highest of anything else. */
  best(metric: string): Point | undefined {
    const values = this.series.get(metric)?.values;
    if (!values) return undefined;
    const sign = lowerIsBetter(metric) ? -1 : 1;
    let best = -1;
    values.forEach((value, i) => {
      if (!Number.isNaN(value) && (best < 0 || sign * value > sign * (values[best] ?? 0))) best = i;
    });
    return this.pointAt(metric, best);
  }

  /** The metric that stands for the run, if it has told of any. */
  get headline(): string | undefined {
    return headlines.find((metric) => this.series.has(metric)) ?? this.series.keys().next().value;
  }

  /** Whether there is anything to go on from. */
  get hasCheckpoint(): boolean {
    return existsSync(this.latestCheckpoint);
  }

  /** Where the newest complete checkpoint is, if there is any. */
  get latestCheckpoint(): string {
    return join(this.folder, runFiles.checkpoints, 'latest.safetensors');
  }

  /** Newest first. */
  get checkpoints(): RunCheckpoint[] {
    const { headline } = this;
    const series = headline === undefined ? undefined : this.series.get(headline);
    return this.reader.checkpoints
      .map(({ path, step, epoch }) => ({
        name: basename(path, '.safetensors'),
        path: join(this.folder, path),
        step,
        epoch: epoch ?? 0,
        headline: series?.values[series.steps.indexOf(step)],
      }))
      .sort((a, b) => b.step - a.step);
  }

  /** Reads what has changed on disk. @returns whether anything that is shown has */
  async refresh(): Promise<boolean> {
    let grown = await this.read();
    if (this.isLost() && this.confirmedLost !== this.record?.process?.startTime) {
      // It may have ended while its files were being read; what it told, and its exit, are there in a moment.
      await sleep(settleMilliseconds);
      grown = (await this.read()) || grown;
      if (this.isLost()) this.confirmedLost = this.record?.process?.startTime;
    }
    // Not what stood there before this call: an evaluation may have been refreshed by who follows it.
    const before = this.told;
    this.told = this.described();
    return grown || before !== this.told;
  }

  private described(): string {
    const evaluations = this.evaluations.map(({ id, status, progress }) => [id, status, progress.batch]);
    return JSON.stringify([this.derived, this.problem, this.record, evaluations]);
  }

  private isLost(): boolean {
    return this.derived.status === 'lost';
  }

  private async read(): Promise<boolean> {
    await Promise.all([this.readRecord(), this.readExit(), this.evaluated.refresh(), this.selective.refresh()]);
    const grown = await this.reader.poll();
    // What an earlier part of a resumed run said of its end holds no more, also before the new part has begun.
    const resumed = this.record?.resumes.at(-1);
    const { endOffset, lastTime } = this.reader;
    const end = endOffset >= (resumed?.byte ?? 0) ? this.reader.end : undefined;
    const created = Date.parse(this.record?.created ?? '') / 1000;
    this.derived = deriveStatus(
      {
        end,
        // Its supervisor may note the earlier exit only after the run was resumed.
        exit: this.exit && this.exit.time >= (resumed?.time ?? 0) ? this.exit : undefined,
        stopRequested: existsSync(join(this.folder, runFiles.stopRequest)),
        process: this.record?.process ?? null,
        lastSign: Math.max(lastTime ?? 0, resumed?.time ?? 0, created || 0),
      },
      Date.now() / 1000,
    );
    if (this.derived.status === 'failed' && !end) await this.explainFailure();
    return grown;
  }

  private pointAt(metric: string, i: number): Point | undefined {
    const series = this.series.get(metric);
    const value = series?.values[i];
    if (!series || value === undefined) return undefined;
    return { step: series.steps[i] ?? 0, epoch: series.epochs[i] ?? NaN, value };
  }

  /** A trainer that died without a word of its own has often left one in its log: the error, else the last line. */
  private async explainFailure(): Promise<void> {
    const log = await readFile(join(this.folder, runFiles.log), 'utf8').catch(() => '');
    const lines = log.trimEnd().split('\n');
    const last = (lines.findLast((line) => /error|exception|could not/i.test(line)) ?? lines.at(-1))?.trim();
    if (last) this.derived = { status: 'failed', note: `${this.derived.note ?? ''}: ${last.slice(0, 300)}` };
  }

  private async readRecord(): Promise<void> {
    const json = await readJson(join(this.folder, runFiles.record));
    const parsed = runRecordSchema.safeParse(json);
    if (parsed.success) {
      this.record = parsed.data;
      const { version } = parsed.data;
      this.problem = version > documentVersion ? `made by a newer SAT Lab (document version ${version})` : undefined;
    } else {
      this.problem = `${runFiles.record} cannot be read: the folder is damaged or not a run`;
    }
  }

  private async readExit(): Promise<void> {
    const parsed = exitSchema.safeParse(await readJson(join(this.folder, runFiles.exit)));
    this.exit = parsed.success ? parsed.data : undefined;
  }
}

/** Points of both; of one step the second's. */
function merged(a: Series, b: Series): Series {
  const both = new Series();
  for (const { steps, epochs, values } of [a, b]) {
    steps.forEach((step, i) => both.set(step, epochs[i] ?? NaN, values[i] ?? NaN));
  }
  return both;
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}
