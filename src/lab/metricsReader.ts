import { open } from 'node:fs/promises';
import { parseEvent, type About, type RunEvent } from '../protocol/events';
import { Series } from './series';

type EventOf<T extends RunEvent['event']> = Extract<RunEvent, { event: T }>;

const keptLogLines = 200;

/**
 * Follows a metric stream by offset. A partial last line waits for its rest; lines that are not events go to the log;
 * a `start` with `fromStep` supersedes what was told of later steps; a file that shrank is read anew.
 */
export class MetricsReader {
  series = new Map<string, Series>();
  /** What robust accuracies were last measured on and with, by metric. */
  about = new Map<string, About>();
  start: EventOf<'start'> | undefined;
  end: EventOf<'end'> | undefined;
  checkpoints: EventOf<'checkpoint'>[] = [];
  /** The newest messages, and lines that were no events. */
  log: string[] = [];
  lastStep = 0;
  lastEpoch = 0;
  /** Unix seconds of the newest event that tells its time. */
  lastTime: number | undefined;
  /** Time and step of the last `start`, from which speed is judged. */
  private started: { time: number; step: number } | undefined;
  private offset = 0;
  /** Where the last `end` stands in the file, in bytes. */
  endOffset = -1;
  private inode = 0;
  private partial: Buffer = Buffer.alloc(0);
  private reading: Promise<boolean> | undefined;

  constructor(private readonly file: string) {}

  /** Reads what is new. @returns whether anything was. A missing file is an empty one. */
  poll(): Promise<boolean> {
    // Two readings at once would see the same bytes twice.
    this.reading ??= this.read().finally(() => (this.reading = undefined));
    return this.reading;
  }

  /** What computes it, "wasm, cpu"; undefined before it has started. */
  get runtime(): string | undefined {
    if (this.start?.runtime === undefined) return undefined;
    return [this.start.runtime, this.start.device].filter(Boolean).join(', ');
  }

  /** Seconds that all steps take at the speed since the newest start; undefined where that is not known. */
  get duration(): number | undefined {
    const { start, secondsPerStep } = this;
    return start?.steps === undefined || secondsPerStep === undefined ? undefined : start.steps * secondsPerStep;
  }

  /** Seconds a step, evaluations included, since the last start; undefined before the first step. */
  private get secondsPerStep(): number | undefined {
    if (!this.started || this.lastTime === undefined) return undefined;
    const done = this.lastStep - this.started.step;
    const seconds = this.lastTime - this.started.time;
    return done > 0 && seconds > 0 ? seconds / done : undefined;
  }

  /** Seconds until the last step at the speed since the last start; undefined before there is one. */
  get secondsLeft(): number | undefined {
    const steps = this.start?.steps;
    const { secondsPerStep } = this;
    return steps === undefined || secondsPerStep === undefined ? undefined : (steps - this.lastStep) * secondsPerStep;
  }

  private async read(): Promise<boolean> {
    let handle;
    try {
      handle = await open(this.file, 'r');
    } catch {
      return false;
    }
    try {
      const { size, ino } = await handle.stat();
      if (size < this.offset || (this.offset > 0 && ino !== this.inode)) this.reset();
      this.inode = ino;
      if (size === this.offset) return false;
      const bytes = Buffer.alloc(size - this.offset);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, this.offset);
      this.offset += bytesRead;
      this.take(Buffer.concat([this.partial, bytes.subarray(0, bytesRead)]));
      return true;
    } finally {
      await handle.close();
    }
  }

  private reset(): void {
    this.offset = 0;
    this.partial = Buffer.alloc(0);
    this.series = new Map();
    this.about = new Map();
    this.checkpoints = [];
    this.log = [];
    this.start = this.end = this.started = this.lastTime = undefined;
    this.lastStep = this.lastEpoch = 0;
    this.endOffset = -1;
  }

  private take(bytes: Buffer): void {
    // Lines are cut as bytes: a character of several bytes may stand on the border of two readings.
    const first = this.offset - bytes.length;
    let from = 0;
    for (let to = bytes.indexOf(0x0a); to >= 0; from = to + 1, to = bytes.indexOf(0x0a, from)) {
      const line = bytes.toString('utf8', from, to).trim();
      if (line === '') continue;
      const event = parseEvent(line);
      if (event) this.apply(event, first + from);
      else this.note(line);
    }
    this.partial = bytes.subarray(from);
  }

  private note(line: string): void {
    this.log.push(line);
    if (this.log.length > keptLogLines) this.log.shift();
  }

  private apply(event: RunEvent, offset: number): void {
    if ('time' in event && typeof event.time === 'number') this.lastTime = event.time;
    switch (event.event) {
      case 'start':
        return this.applyStart(event);
      case 'metrics':
        this.lastStep = Math.max(this.lastStep, event.step);
        this.lastEpoch = Math.max(this.lastEpoch, event.epoch ?? 0);
        for (const [name, value] of Object.entries(event.values)) {
          this.seriesOf(name).set(event.step, event.epoch ?? NaN, value);
        }
        for (const [name, about] of Object.entries(event.about ?? {})) this.about.set(name, about);
        return;
      case 'checkpoint':
        this.checkpoints = [...this.checkpoints.filter(({ path }) => path !== event.path), event];
        return;
      case 'log':
        return this.note(`${event.level}: ${event.message}`);
      case 'end':
        this.end = event;
        this.endOffset = offset;
    }
  }

  private applyStart(event: EventOf<'start'>): void {
    const from = event.fromStep ?? 0;
    this.start = event;
    this.end = undefined;
    this.started = event.time === undefined ? undefined : { time: event.time, step: from };
    for (const series of this.series.values()) series.truncateAfter(from);
    this.checkpoints = this.checkpoints.filter(({ step }) => step <= from);
    this.lastStep = from;
    const epochs = [...this.series.values()].map((series) => series.epochs.at(-1) ?? 0).filter((e) => !Number.isNaN(e));
    this.lastEpoch = Math.max(0, ...epochs);
  }

  private seriesOf(name: string): Series {
    const known = this.series.get(name);
    if (known) return known;
    const made = new Series();
    this.series.set(name, made);
    return made;
  }
}
