import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { configSchema, type RunConfig } from '../protocol/config';
import { exitCodes, runFiles, runRecordSchema } from '../protocol/run';
import { checkAllDataSets, checkDataSet, loadDataSet } from './data/registry';
import { watchDevice } from './deviceMonitor';
import { eventStream } from './eventStream';
import { Problem, messageOf } from './problem';
import { startRuntime } from './runtimes';
import { train } from './train';

const usage = `Usage: trainer train RUN_FOLDER [--resume CHECKPOINT]
       trainer data list
       trainer data check NAME [--root FOLDER]`;

const mediaFolder = join(__dirname, '..', 'media');
const wasmFolder = join(__dirname, 'wasm');

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { resume: { type: 'string' }, root: { type: 'string' } },
  });
  const [command, ...rest] = positionals;
  const [first, second] = rest;
  if (command === 'train' && first !== undefined) return trainRun(resolve(first), values.resume);
  if (command === 'data' && first === 'list') return print(await checkAllDataSets({ mediaFolder }));
  if (command === 'data' && first === 'check' && second !== undefined) {
    return print(await checkDataSet(second, { ...(values.root ? { root: values.root } : {}), mediaFolder }));
  }
  throw new UsageError(usage);
}

class UsageError extends Error {}

function print(value: unknown): number {
  process.stdout.write(JSON.stringify(value) + '\n');
  return exitCodes.done;
}

async function trainRun(folder: string, resume: string | undefined): Promise<number> {
  const config = readConfig(folder);
  const events = eventStream(process.stdout.fd);
  const resumeFrom = resume === undefined ? undefined : resolve(folder, resume);
  // A crash can leave the stream in the middle of a line; a resumed run must not write on it.
  if (resumeFrom) process.stdout.write('\n');
  let signalled = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (signalled = true));
  const stopFile = join(folder, runFiles.stopRequest);
  try {
    const runtime = await startRuntime(config, wasmFolder, (message) => {
      events.emit({ event: 'log', level: 'warn', message });
    });
    const dataSet = await loadDataSet(config.data, {
      ...(config.data.root ? { root: config.data.root } : {}),
      mediaFolder,
      tell: (message) => events.emit({ event: 'log', level: 'info', message }),
    });
    const monitor = watchDevice(runtime.device);
    const status = await train({
      folder,
      config,
      dataSet,
      runtime,
      events,
      deviceMetrics: () => monitor.latest(),
      stopRequested: () => signalled || existsSync(stopFile),
      ...(resumeFrom ? { resumeFrom } : {}),
    }).finally(() => monitor.stop());
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
  if (code === 'EACCES' || code === 'EROFS') return `${folder} cannot be written (${messageOf(error)}).`;
  return messageOf(error);
}

function readConfig(folder: string): RunConfig {
  const file = join(folder, runFiles.record);
  let config: unknown;
  try {
    config = runRecordSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).config;
  } catch (error) {
    throw new UsageError(`${file} could not be read: ${messageOf(error)}`);
  }
  const result = configSchema.safeParse(config);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UsageError(`${file}: config.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}`);
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
