import { spawn } from 'node:child_process';
import { appendFileSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeAtomicSync } from '../formats/atomicFile';
import { documentVersion } from '../protocol/config';
import { runFiles, runRecordSchema, type ExitRecord, type ProcessIdentity, type RunRecord } from '../protocol/run';
import { identify } from './processes';

/**
 * The small parent that waits for one trainer and writes down how it ended, whether or not any window is left:
 * `supervisor RUN_FOLDER [trainer's arguments]`. The trainer's standard output is the run's metrics file itself.
 */
function supervise(folder: string, args: string[]): void {
  const log = join(folder, runFiles.log);
  // The terminal or window that started the run may go; what it is told then is not meant for the run.
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  const child = spawn(process.execPath, [join(__dirname, 'trainer.js'), 'train', folder, ...args], {
    // A group of its own, so that a stop reaches what the trainer itself starts.
    detached: true,
    stdio: ['ignore', openSync(join(folder, runFiles.metrics), 'a'), openSync(log, 'a')],
    windowsHide: true,
  });
  const resumes = readRecord(folder).resumes.length;
  const finish = (code: number | null, signal: string | null) => {
    // A run that was resumed meanwhile is another supervisor's; this exit says nothing of it any more.
    if (readRecord(folder).resumes.length !== resumes) return;
    const exit: ExitRecord = { version: documentVersion, code, signal, time: Date.now() / 1000 };
    writeAtomicSync(join(folder, runFiles.exit), JSON.stringify(exit) + '\n');
  };
  child.on('error', (error) => {
    appendFileSync(log, `The trainer could not be started: ${error.message}\n`);
    finish(1, null);
  });
  child.on('exit', finish);
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (identity) recordProcess(folder, identity);
}

function readRecord(folder: string): RunRecord {
  return runRecordSchema.parse(JSON.parse(readFileSync(join(folder, runFiles.record), 'utf8')));
}

function recordProcess(folder: string, identity: ProcessIdentity): void {
  const file = join(folder, runFiles.record);
  writeAtomicSync(file, JSON.stringify({ ...readRecord(folder), process: identity }, null, 2) + '\n');
}

const [folder, ...args] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('Usage: supervisor RUN_FOLDER [--resume CHECKPOINT]\n');
  process.exitCode = 2;
} else {
  supervise(resolve(folder), args);
}
