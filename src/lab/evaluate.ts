import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, relative, sep } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { writeAtomic } from '../formats/atomicFile';
import { fileFingerprint } from '../formats/fingerprint';
import { readSafetensorsHeader } from '../formats/safetensors';
import { messageOf } from '../protocol/errors';
import type { EvaluationAttack, EvaluationRecord } from '../protocol/evaluation';
import {
  evaluationFiles,
  evaluationRecordSchema,
  evaluationsFolder,
  sampleColumns,
  type Counts,
} from '../protocol/evaluation';
import { documentVersion } from '../protocol/config';
import type { StartEvent } from '../protocol/events';
import { processSchema, type Pin, type RunStatus } from '../protocol/run';
import { waitForClaim } from './claim';
import type { Tools } from './launch';
import { MetricsReader } from './metricsReader';
import { identify, isAlive } from './processes';
import { isGone, pinOf, RuntimeGoneError } from './runtimePin';
import { deriveStatus } from './status';

/** What somebody wants to know of a checkpoint. */
export interface EvaluationRequest {
  /** Absolute path. */
  checkpoint: string;
  attack: EvaluationAttack;
  /** The first n test images; undefined: all of them. */
  limit?: number | undefined;
  saveImages?: boolean;
  runtime?: EvaluationRecord['runtime'] | undefined;
  device?: EvaluationRecord['device'] | undefined;
  /** The data set's files, where they are not where the run found them. Absolute. */
  root?: string | undefined;
}

/** Another name for the newest of the others. */
const latestName = 'latest.safetensors';

const headerSchema = z.object({
  step: z.coerce.number().int(),
  epoch: z.coerce.number().int(),
  config: z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(z.looseObject({ data: z.record(z.string(), z.unknown()) })),
});

/** `process.json`: which process computes, and how long the events were when it was started, in bytes. */
const startedProcessSchema = processSchema.extend({ byte: z.int() });
type StartedProcess = z.output<typeof startedProcessSchema>;

/** One evaluation's folder, read and followed. */
export class Evaluation {
  record: EvaluationRecord | undefined;
  status: RunStatus = 'queued';
  statusNote: string | undefined;
  private readonly reader: MetricsReader;
  private rows: Uint8Array | undefined;

  constructor(readonly folder: string) {
    this.reader = new MetricsReader(join(folder, evaluationFiles.events));
  }

  get id(): string {
    return basename(this.folder);
  }

  /** The folder that holds `evaluations`: a run's, as a rule. */
  get owner(): string {
    return join(this.folder, '..', '..');
  }

  /** Absolute path of what is evaluated. */
  get checkpoint(): string {
    return join(this.owner, this.record?.checkpoint ?? '');
  }

  /** How far it is, in steps of equal cost, and seconds left at the present speed. */
  get progress() {
    const { start, lastStep, secondsLeft } = this.reader;
    return { batch: lastStep, batches: start?.steps, secondsLeft };
  }

  /** Seconds that the whole of it takes at the speed since its last start; undefined where that is not known. */
  get duration(): number | undefined {
    return this.reader.duration;
  }

  /** How far it is, in [0, 1]. */
  get doneShare(): number {
    const { start, lastStep } = this.reader;
    return start?.steps ? lastStep / start.steps : 0;
  }

  /**
   * The share of robust images so far with its 95 % interval, all in [0, 1]: counted at the end, before it an estimate
   * from the images that were attacked. Undefined before the first batch.
   */
  get robust(): { share: number; interval: [number, number] } | undefined {
    const counts = this.record?.counts;
    if (counts) return { share: shareOf(counts), interval: shareInterval(counts.robust, counts.total) };
    for (const [metric, { seen = 0 }] of this.reader.about) {
      const share = this.reader.series.get(metric)?.values.at(-1);
      if (share !== undefined && seen > 0) return { share, interval: shareInterval(share * seen, seen) };
    }
    return undefined;
  }

  /** How many images it looks at; undefined as long as nobody has told. */
  get images(): number | undefined {
    const [told] = this.reader.about.values();
    return this.record?.counts?.total ?? told?.images;
  }

  /**
   * 1 for each image that is still classified right, in the order of the set; undefined where the rows are not there. To
   * be asked for only where it matters: the file is read at once.
   */
  get robustRows(): Uint8Array | undefined {
    if (!this.rows && this.record?.counts) {
      const rows = readRobustRows(join(this.folder, evaluationFiles.samples));
      if (rows?.length === this.record.counts.total) this.rows = rows;
    }
    return this.rows;
  }

  get runtime(): string | undefined {
    return this.reader.runtime;
  }

  /** How it told of its newest beginning; undefined before that. */
  get start(): StartEvent | undefined {
    return this.reader.start;
  }

  /** What the trainer had to say, warnings of gradient masking among it. */
  get log(): readonly string[] {
    return this.reader.log;
  }

  async refresh(): Promise<void> {
    await this.read();
    // It may have ended while its events were being read: now that it is gone, all that it told is there.
    if (this.status === 'lost') await this.read();
  }

  private async read(): Promise<void> {
    const started = await this.process();
    await this.reader.poll();
    // After the events: the counts are written before the end is told.
    const parsed = evaluationRecordSchema.safeParse(await readJson(join(this.folder, evaluationFiles.record)));
    this.record = parsed.success ? parsed.data : undefined;
    if (!started) {
      this.status = 'queued';
      return;
    }
    const { end, endOffset, lastTime } = this.reader;
    const { status, note } = deriveStatus(
      {
        end: endOffset >= started.byte ? end : undefined,
        exit: undefined,
        stopRequested: false,
        process: started,
        lastSign: lastTime ?? 0,
      },
      Date.now() / 1000,
    );
    this.status = status;
    this.statusNote = note;
  }

  /** The process that computes, or did last. */
  async process(): Promise<StartedProcess | undefined> {
    const parsed = startedProcessSchema.safeParse(await readJson(join(this.folder, evaluationFiles.process)));
    return parsed.success ? parsed.data : undefined;
  }
}

/** Follows the evaluations in one folder. Those that are complete do not change, and are read once. */
export class Evaluations {
  private readonly known = new Map<string, Evaluation>();

  constructor(readonly folder: string) {}

  /** Oldest first. */
  get all(): Evaluation[] {
    return [...this.known.values()].sort((a, b) => (a.id < b.id ? -1 : 1)).filter(({ record }) => record !== undefined);
  }

  async refresh(): Promise<void> {
    const names = (await readdir(this.folder).catch(() => [])).filter((name) => !name.startsWith('.'));
    for (const name of this.known.keys()) if (!names.includes(name)) this.known.delete(name);
    for (const name of names) {
      if (!this.known.has(name)) this.known.set(name, new Evaluation(join(this.folder, name)));
    }
    const open = [...this.known.values()].filter(({ status }) => status !== 'completed');
    await Promise.all(open.map((evaluation) => evaluation.refresh()));
  }
}

/** All evaluations beside a checkpoint, oldest first. @param checkpoint absolute path */
export async function evaluationsBeside(checkpoint: string): Promise<Evaluation[]> {
  const evaluations = new Evaluations(join(ownerOf(checkpoint), evaluationsFolder));
  await evaluations.refresh();
  return evaluations.all;
}

/**
 * Without the evaluations of files that were replaced since, as far as later ones tell: those of one name and step are of
 * the file that the newest of them was of.
 */
export function ofPresentFiles(evaluations: readonly Evaluation[]): Evaluation[] {
  const nameOf = ({ checkpoint, step }: EvaluationRecord) => `${checkpoint} ${step}`;
  const newest = new Map<string, string>();
  for (const { record } of evaluations) if (record?.fingerprint) newest.set(nameOf(record), record.fingerprint);
  return evaluations.filter(({ record }) => !record?.fingerprint || newest.get(nameOf(record)) === record.fingerprint);
}

/** Whether two evaluations are of the same weights, whatever the file is called. */
export function ofSameNetwork(a: EvaluationRecord, b: EvaluationRecord): boolean {
  if (a.fingerprint !== null && b.fingerprint !== null) return a.fingerprint === b.fingerprint;
  const names = [a, b].map(({ checkpoint }) => checkpoint);
  return a.step === b.step && (names[0] === names[1] || names.some((name) => name.endsWith(latestName)));
}

/** Whether two complete evaluations are of the same images. */
export function ofSameImages(a: EvaluationRecord, b: EvaluationRecord): boolean {
  return a.counts?.total === b.counts?.total && isDeepStrictEqual(a.data, b.data);
}

/** Says who is making, starting or deleting evaluations; lies among them. */
const claimName = '.claim.json';

/**
 * Keeps others from making, starting or deleting evaluations of one owner, once whoever does is through: two requests at
 * once must not become two evaluations, two starts not two trainers, and no trainer may lose its folder.
 * @param owner the folder that holds `evaluations`
 * @returns what lets others again, wherever that folder is by then
 * @throws Error in words when there is no such folder, or another process takes longer than a start does
 */
export async function holdEvaluations(owner: string): Promise<(owner: string) => Promise<void>> {
  const claimOf = (folder: string) => join(folder, evaluationsFolder, claimName);
  const folder = join(owner, evaluationsFolder);
  if (!existsSync(folder)) throw new Error(`${folder} was moved or deleted.`);
  const by = await waitForClaim(claimOf(owner), {});
  if (by) {
    throw new Error(
      `Process ${by.pid} on ${by.host} is starting an evaluation in ${owner}. If that is not so, delete ${claimOf(owner)}.`,
    );
  }
  return (now) => rm(claimOf(now), { force: true });
}

async function withEvaluations<T>(owner: string, action: () => Promise<T>): Promise<T> {
  const release = await holdEvaluations(owner);
  try {
    return await action();
  } finally {
    await release(owner);
  }
}

/**
 * The evaluation that answers a request: one that was made already, complete or not, else a new one, not yet started. One
 * that another runtime or device than the request names has begun is left alone: its numbers would be of both.
 * @throws Error in words when the file is no checkpoint
 */
export async function prepareEvaluation(request: EvaluationRequest): Promise<Evaluation> {
  const record = await newRecord(request);
  const owner = ownerOf(request.checkpoint);
  const beside = new Evaluations(join(owner, evaluationsFolder));
  const known = async () => {
    await beside.refresh();
    return beside.all.filter((evaluation) => answers(evaluation, record));
  };
  // An answer that is there may lie where nothing can be written.
  const answer = (await known()).findLast(isSettled);
  if (answer) return answer;
  await mkdir(beside.folder, { recursive: true });
  return withEvaluations(owner, async () => {
    const same = await known();
    const there =
      same.findLast(isSettled) ??
      same.findLast((evaluation) => !hasSamples(evaluation) || computesAs(evaluation, record));
    if (!there) return makeEvaluation(beside.folder, record);
    // One that has begun stays with what began it.
    if (!isSettled(there) && !hasSamples(there)) await computeBy(there, record);
    return there;
  });
}

/** @param parent the folder of all evaluations beside one another */
async function makeEvaluation(parent: string, record: EvaluationRecord): Promise<Evaluation> {
  const temporary = join(parent, `.new-${record.id}`);
  await mkdir(temporary, { recursive: true });
  await writeFile(join(temporary, evaluationFiles.record), JSON.stringify(record, null, 2) + '\n');
  const folder = join(parent, record.id);
  await rename(temporary, folder);
  const evaluation = new Evaluation(folder);
  await evaluation.refresh();
  return evaluation;
}

/** Whether an evaluation is of what a record asks for. */
function answers(evaluation: Evaluation, asked: EvaluationRecord): boolean {
  const what = ({ checkpoint, step, data, attack, saveImages }: EvaluationRecord) => ({
    checkpoint,
    step,
    data,
    attack,
    saveImages,
  });
  const { record } = evaluation;
  if (!record || !isDeepStrictEqual(what(record), what(asked)) || !isLimitedTo(evaluation, asked.limit)) return false;
  // What an older version has begun might go on with another file than it began with.
  if (record.fingerprint === null) return record.counts !== null;
  return record.fingerprint === asked.fingerprint;
}

/** Whether what computes an evaluation is no longer to be chosen. */
function isSettled({ record, status }: Evaluation): boolean {
  return Boolean(record?.counts) || status === 'running';
}

function hasSamples({ folder }: Evaluation): boolean {
  return existsSync(join(folder, evaluationFiles.samples));
}

/** Whether an evaluation was begun by the runtime and device that a record names, where it names any. */
function computesAs({ start }: Evaluation, asked: EvaluationRecord): boolean {
  const byRuntime = asked.runtime === 'auto' || start?.runtime === asked.runtime;
  return byRuntime && (asked.device === 'auto' || /cpu/i.test(start?.device ?? '') === (asked.device === 'cpu'));
}

/** Lets an evaluation be computed by something else than its record says. */
async function computeBy(evaluation: Evaluation, { runtime, device }: Pin): Promise<void> {
  const { record, folder } = evaluation;
  if (!record || (runtime === record.runtime && device === record.device)) return;
  const changed = JSON.stringify({ ...record, runtime, device }, null, 2) + '\n';
  await writeAtomic(join(folder, evaluationFiles.record), changed);
  await evaluation.refresh();
}

/**
 * Keeps an evaluation that has begun with what began it: else its numbers would be of both.
 * @throws RuntimeGoneError when that is not installed
 */
async function pinBegun(evaluation: Evaluation): Promise<void> {
  const pin = hasSamples(evaluation) ? pinOf(evaluation.start) : null;
  if (!pin) return;
  if (await isGone(pin)) {
    throw new RuntimeGoneError(
      `The evaluation ${evaluation.id} was begun by TensorFlow, which is not installed here. Run "sat runtime install", or begin anew with another runtime: sat evaluate … --runtime wasm.`,
    );
  }
  await computeBy(evaluation, pin);
}

/** Whether an evaluation looks at the images that a limit means: one that the set does not reach means all. */
export function isLimitedTo({ record, images }: Evaluation, limit: number | null): boolean {
  const own = record?.limit ?? null;
  if (own === limit) return true;
  return images !== undefined && (own ?? Infinity) > images && (limit ?? Infinity) >= images;
}

async function newRecord(request: EvaluationRequest): Promise<EvaluationRecord> {
  const { checkpoint, attack, limit, saveImages, runtime, device, root } = request;
  let header;
  try {
    header = headerSchema.parse((await readSafetensorsHeader(checkpoint)).metadata);
  } catch (error) {
    const reason = error instanceof z.ZodError ? 'its header has no configuration' : messageOf(error);
    throw new Error(`${checkpoint} is not a checkpoint of SAT Lab (${reason}).`);
  }
  const fingerprint = await fileFingerprint(checkpoint);
  const file = await lastingName(checkpoint, { ...header, fingerprint });
  return evaluationRecordSchema.parse({
    version: documentVersion,
    id: newId(new Date(), attack.name),
    checkpoint: relative(ownerOf(file), file).split(sep).join('/'),
    step: header.step,
    epoch: header.epoch,
    fingerprint,
    data: { ...header.config.data, ...(root === undefined ? {} : { root }) },
    limit: limit ?? null,
    attack,
    saveImages: saveImages ?? false,
    runtime: runtime ?? 'auto',
    device: device ?? 'auto',
  });
}

/** The file that `latest` stands for and that keeps its name, where it is there. */
async function lastingName(
  file: string,
  { step, epoch, fingerprint }: { step: number; epoch: number; fingerprint: string },
): Promise<string> {
  if (basename(file) !== latestName) return file;
  for (const name of [`epoch-${epoch}`, `step-${step}`]) {
    const candidate = join(dirname(file), `${name}.safetensors`);
    if (existsSync(candidate) && (await fileFingerprint(candidate)) === fingerprint) return candidate;
  }
  return file;
}

/** The folder that holds `evaluations`: the run's, for a file in its checkpoints, else the file's own. */
function ownerOf(checkpoint: string): string {
  const folder = dirname(checkpoint);
  return basename(folder) === 'checkpoints' ? dirname(folder) : folder;
}

/**
 * Starts an evaluation, or goes on with one that was interrupted, in a process that outlives this one.
 * @returns false when another process has started it meanwhile: it runs, or is complete
 * @throws RuntimeGoneError when what began it is not installed, Error in words when it is gone or still ending
 */
export async function startEvaluation(evaluation: Evaluation, tools: Tools): Promise<boolean> {
  return withEvaluations(evaluation.owner, async () => {
    await evaluation.refresh();
    const { id, record, status } = evaluation;
    if (!record) throw new Error(`The evaluation ${id} was moved or deleted.`);
    if (status === 'running' || status === 'completed') return false;
    const last = await evaluation.process();
    if (last && isAlive(last)) throw new Error(`The evaluation ${id} is still ending. Try again in a moment.`);
    await pinBegun(evaluation);
    await spawnTrainer(evaluation, tools);
    return true;
  });
}

async function spawnTrainer(evaluation: Evaluation, { node, dist }: Tools): Promise<void> {
  await rm(join(evaluation.folder, evaluationFiles.stopRequest), { force: true });
  const [out, log] = [evaluationFiles.events, evaluationFiles.log].map((file) =>
    openSync(join(evaluation.folder, file), 'a'),
  );
  if (out === undefined || log === undefined) throw new Error('unreachable');
  // The end of an earlier part stands before this, and says nothing of the new one.
  const byte = fstatSync(out).size;
  const child = spawn(node, [join(dist, 'trainer.js'), 'evaluate', evaluation.folder], {
    detached: true,
    stdio: ['ignore', out, log],
    windowsHide: true,
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
  });
  [out, log].forEach(closeSync);
  const failed = new Promise<never>((_, reject) =>
    child.on('error', ({ message }) => reject(new Error(`The trainer could not be started: ${message}`))),
  );
  const spawned = new Promise<void>((resolve) => child.on('spawn', () => resolve()));
  await Promise.race([spawned, failed]);
  child.unref();
  const pid = child.pid ?? 0;
  // Already gone: an identity that no living process has.
  const identity = identify(pid) ?? { host: hostname(), bootId: '', pid, startTime: '' };
  const started: StartedProcess = { ...identity, byte };
  await writeAtomic(join(evaluation.folder, evaluationFiles.process), JSON.stringify(started) + '\n');
}

/** Asks an evaluation to stop after its present step; what is done is kept. */
export async function stopEvaluation(evaluation: Evaluation): Promise<void> {
  await writeFile(join(evaluation.folder, evaluationFiles.stopRequest), '');
}

/** Where deleted evaluations of a run wait, among the others: they can be taken back. */
const trashName = '.trash';

/** @throws Error in words while it runs */
export async function trashEvaluation(evaluation: Evaluation): Promise<void> {
  await withEvaluations(evaluation.owner, async () => {
    const running = await evaluation.process();
    if (running && isAlive(running)) throw new Error(`The evaluation ${evaluation.id} is running. Stop it first.`);
    const trash = join(dirname(evaluation.folder), trashName);
    await mkdir(trash, { recursive: true });
    await rename(evaluation.folder, join(trash, evaluation.id));
  });
}

/** Takes an evaluation out of the trash, to where it was. */
export async function restoreEvaluation({ folder, id }: Pick<Evaluation, 'folder' | 'id'>): Promise<void> {
  await rename(join(dirname(folder), trashName, id), folder);
}

/**
 * The checkpoints that somebody means in a run's folder.
 * @param which `latest`, `best`, a name such as `epoch-10`, epochs such as `71-100`, or several of these with commas
 * @returns absolute paths, by epoch, and in words which epochs of a range are not there
 * @throws Error in words when there are none
 */
export async function checkpointsOf(runFolder: string, which: string): Promise<{ files: string[]; notes: string[] }> {
  const folder = join(runFolder, 'checkpoints');
  const names = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith('.safetensors'));
  const epochOf = (file: string) => Number(/^epoch-(\d+)\.safetensors$/.exec(file)?.[1] ?? NaN);
  const notes: string[] = [];
  const meant = (part: string): string[] => {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!range) return names.filter((file) => file === `${part}.safetensors`);
    const [first, last] = [Number(range[1]), Number(range[2] ?? range[1])];
    if (first > last) throw new Error(`The range ${part} is reversed. Say ${last}-${first}.`);
    const files = names
      .filter((file) => epochOf(file) >= first && epochOf(file) <= last)
      .sort((a, b) => epochOf(a) - epochOf(b));
    const asked = last - first + 1;
    if (files.length > 0 && files.length < asked) notes.push(`${part}: ${files.length} of ${asked} epochs are kept.`);
    return files;
  };
  const all: string[] = [];
  for (const part of which.split(',').map((text) => text.trim())) {
    const files = meant(part);
    if (files.length === 0) {
      const there = names.map((file) => basename(file, '.safetensors')).sort();
      throw new Error(
        there.length === 0
          ? `${folder} holds no checkpoints.`
          : `There is no checkpoint ${part} in ${folder}. There are ${there.join(', ')}; "checkpoint.keep" says how many are kept.`,
      );
    }
    all.push(...files);
  }
  return { files: [...new Set(all)].map((file) => join(folder, file)), notes };
}

/**
 * 95 % interval of a share (Wilson, 1927), which is also right for few images and for shares near 0 and 1.
 * @returns bounds in [0, 1]
 */
export function shareInterval(successes: number, total: number): [number, number] {
  const z = 1.959964;
  const share = successes / total;
  const center = share + (z * z) / (2 * total);
  const spread = z * Math.sqrt((share * (1 - share)) / total + (z * z) / (4 * total * total));
  const scale = 1 + (z * z) / total;
  // Rounding must not leave a bound beside 0 or 1.
  return [Math.max((center - spread) / scale, 0), Math.min((center + spread) / scale, 1)];
}

function shareOf({ robust, total }: Counts): number {
  return robust / total;
}

/** Sorts by creation, and says what it is of. */
function newId(date: Date, attack: string): string {
  const time = date.toISOString().replace(/[-:.]/g, '').replace('T', '-').slice(0, 18);
  return `${time}-${attack}-${randomBytes(2).toString('hex')}`;
}

function readRobustRows(file: string): Uint8Array | undefined {
  if (!existsSync(file)) return undefined;
  const [, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  const [label, perturbed] = (['label', 'perturbed_prediction'] as const).map((name) => sampleColumns.indexOf(name));
  return Uint8Array.from(lines, (line) => {
    const cells = line.split(',');
    return cells[label ?? -1] === cells[perturbed ?? -1] ? 1 : 0;
  });
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}
