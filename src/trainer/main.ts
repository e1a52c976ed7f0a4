import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { readSafetensorsHeader } from '../formats/safetensors';
import { configSchema, type RunConfig } from '../protocol/config';
import { dataSchema, type DataConfig } from '../protocol/data';
import { messageOf } from '../protocol/errors';
import { evaluationFiles, evaluationRecordSchema, type EvaluationRecord } from '../protocol/evaluation';
import { exitCodes, runFiles, runRecordSchema, type RunRecord } from '../protocol/run';
import { stoppable, unlessStopped } from './breathe';
import { checkAllDataSets, checkDataSet, loadDataSet } from './data/registry';
import type { DataSet } from './data/types';
import { watchDevice } from './deviceMonitor';
import { evaluateCheckpoint } from './evaluateCheckpoint';
import { eventStream, type EventSink } from './eventStream';
import { findFaults } from './faults';
import { Problem } from './problem';
import { startRuntime, type RuntimeWish } from './runtimes';
import { train } from './train';

const usage = `Usage: trainer train RUN_FOLDER [--resume CHECKPOINT]
       trainer evaluate EVALUATION_FOLDER
       trainer check < CONFIGURATIONS
       trainer data list
       trainer data check DATA (the data of a configuration, as JSON)`;

const mediaFolder = join(__dirname, '..', 'media');
const wasmFolder = join(__dirname, 'wasm');

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { resume: { type: 'string' } },
  });
  const [command, first, second] = positionals;
  if (command === 'train' && first !== undefined) return trainRun(resolve(first), values.resume);
  if (command === 'evaluate' && first !== undefined) return evaluateFolder(resolve(first));
  if (command === 'check') {
    const configs = configSchema.array().parse(JSON.parse(await text(process.stdin)));
    return print(await findFaults(configs, { mediaFolder }));
  }
  if (command === 'data' && first === 'list') return print(await checkAllDataSets({ mediaFolder }));
  if (command === 'data' && first === 'check' && second !== undefined) {
    const data = dataSchema.parse(JSON.parse(second));
    return print(await checkDataSet(data, { ...(data.root ? { root: data.root } : {}), mediaFolder }));
  }
  throw new UsageError(usage);
}

class UsageError extends Error {}

function print(value: unknown): number {
  process.stdout.write(JSON.stringify(value) + '\n');
  return exitCodes.done;
}

/** Evaluates a checkpoint as the folder's record says, or goes on with it. */
async function evaluateFolder(folder: string): Promise<number> {
  const record = readEvaluation(folder);
  const checkpoint = resolve(folder, '..', '..', record.checkpoint);
  const begun = (statSync(join(folder, evaluationFiles.events), { throwIfNoEntry: false })?.size ?? 0) > 0;
  return tellEvents(folder, evaluationFiles.stopRequest, begun, async (events, stopRequested) => {
    const config = await readCheckpointConfig(checkpoint);
    const runtime = await startRuntime(record, wasmFolder, warnThrough(events));
    const dataSet = await loadConfigured(evaluatedData(record), events, stopRequested);
    if (!dataSet) return 'stopped';
    return evaluateCheckpoint({ folder, record, checkpoint, config, dataSet, runtime, events, stopRequested });
  });
}

/** The data set of a configuration, or undefined when a stop was asked for; what takes long or is odd is in the log. */
function loadConfigured(
  data: DataConfig,
  events: EventSink,
  stopRequested: () => boolean,
): Promise<DataSet | undefined> {
  const places = {
    ...(data.root ? { root: data.root } : {}),
    mediaFolder,
    tell: (message: string) => events.emit({ event: 'log', level: 'info', message }),
    warn: warnThrough(events),
    pause: stoppable(stopRequested),
  };
  return unlessStopped(() => loadDataSet(data, places));
}

function readEvaluation(folder: string): EvaluationRecord {
  const file = join(folder, evaluationFiles.record);
  try {
    return evaluationRecordSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new UsageError(`${file} could not be read: ${messageOf(error)}`);
  }
}

/** The data set that a record names. @throws Problem when this version does not know it */
function evaluatedData({ data }: EvaluationRecord): DataConfig {
  const result = dataSchema.safeParse(data);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Problem(`data.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}`);
}

/** The configuration of the run that wrote a checkpoint. */
async function readCheckpointConfig(file: string): Promise<RunConfig> {
  try {
    const { metadata } = await readSafetensorsHeader(file);
    return configSchema.parse(JSON.parse(metadata['config'] ?? ''));
  } catch (error) {
    throw new Problem(`${file} could not be read as a checkpoint of SAT Lab: ${messageOf(error)}`);
  }
}

async function trainRun(folder: string, resume: string | undefined): Promise<number> {
  const { config, wish } = readRun(folder);
  const resumeFrom = resume === undefined ? undefined : resolve(folder, resume);
  return tellEvents(folder, runFiles.stopRequest, resumeFrom !== undefined, async (events, stopRequested) => {
    const runtime = await startRuntime(wish, wasmFolder, warnThrough(events));
    const dataSet = await loadConfigured(config.data, events, stopRequested);
    if (!dataSet) return 'stopped';
    const monitor = watchDevice(runtime.device);
    return train({
      folder,
      config,
      dataSet,
      runtime,
      events,
      stopRequested,
      deviceMetrics: () => monitor.latest(),
      ...(resumeFrom ? { resumeFrom } : {}),
    }).finally(() => monitor.stop());
  });
}

function warnThrough(events: EventSink): (message: string) => void {
  return (message) => {
    events.emit({ event: 'log', level: 'warn', message });
  };
}

/** Does a folder's work with events on the standard output, the last of which tells how it ended. @returns the exit code */
async function tellEvents(
  folder: string,
  stopFile: string,
  goesOn: boolean,
  work: (events: EventSink, stopRequested: () => boolean) => Promise<'completed' | 'stopped'>,
): Promise<number> {
  const events = eventStream(process.stdout.fd);
  // A crash can leave the stream in the middle of a line; what goes on with it must not write there.
  if (goesOn) process.stdout.write('\n');
  let signalled = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (signalled = true));
  try {
    const status = await work(events, () => signalled || existsSync(join(folder, stopFile)));
    events.emit({ event: 'end', status, time: Date.now() / 1000 });
    return status === 'stopped' ? exitCodes.stopped : exitCodes.done;
  } catch (error) {
    const message = explain(error, folder);
    process.stderr.write(error instanceof Problem || !(error instanceof Error) ? `${message}\n` : `${error.stack}\n`);
    events.emit({ event: 'end', status: 'failed', message, time: Date.now() / 1000 });
    return exitCodes.failed;
  }
}

/** What went wrong, and what to do where the system only says what. */
function explain(error: unknown, folder: string): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC') return `No space is left on the disk of ${folder}. Free some, then resume the run.`;
  // WebAssembly's, which says only that an address was wrong.
  if (error instanceof Error && error.name === 'RuntimeError') {
    return `The embedded runtime has no memory left: it can use 4 GiB (${messageOf(error)}). Lower batchSize, or take a smaller model or smaller images; "sat runtime install" installs TensorFlow, which can use all there is.`;
  }
  if (code === 'EACCES' || code === 'EROFS') return `${folder} cannot be written (${messageOf(error)}).`;
  return messageOf(error);
}

/** A run's configuration, and what has to compute it. */
function readRun(folder: string): { config: RunConfig; wish: RuntimeWish } {
  const file = join(folder, runFiles.record);
  let record: RunRecord;
  try {
    record = runRecordSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new UsageError(`${file} could not be read: ${messageOf(error)}`);
  }
  const result = configSchema.safeParse(record.config);
  if (result.success) return { config: result.data, wish: wishOf(record, result.data) };
  const [issue] = result.error.issues;
  throw new UsageError(`${file}: config.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}`);
}

function wishOf(record: RunRecord, { runtime, device }: RunConfig): RuntimeWish {
  const { id, pinned, rerunOf, resumes } = record;
  const threads = record.threads ?? undefined;
  if (!pinned) return { runtime, device, threads };
  const command = rerunOf !== null && resumes.length === 0 ? `sat rerun ${rerunOf}` : `sat resume ${id}`;
  return { ...pinned, threads, instead: `allow another with "${command} --runtime auto"` };
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = error instanceof UsageError || error instanceof TypeError ? exitCodes.usage : exitCodes.failed;
  },
);
