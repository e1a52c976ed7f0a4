import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runFiles, type ProcessIdentity } from '../protocol/run';
import { isAlive, isLocal } from './processes';
import type { Run } from './run';

/** How long a trainer may take to write its checkpoint before it is ended the hard way, in seconds. */
const grace = 30;

/**
 * Stops a run: first it is asked to (it finishes its step, writes a checkpoint and its end), after the grace the whole
 * process tree is terminated, and killed if even that does not help. Only the very process that the run recorded is
 * ever signalled.
 * @throws Error in words when it does not run, or not on this machine
 */
export async function stopRun(run: Run, graceSeconds = grace): Promise<void> {
  await run.refresh();
  const identity = run.record?.process;
  if (run.status !== 'running' || !identity) throw new Error(`${run.name} is not running.`);
  if (!isLocal(identity)) throw new Error(`${run.name} runs on ${identity.host}. Stop it there.`);
  // The file reaches the trainer where signals do not; the signal reaches programs that know nothing of the file.
  await writeFile(join(run.folder, runFiles.stopRequest), '');
  if (process.platform !== 'win32') signal(identity, 'SIGINT');
  if (!(await ended(identity, graceSeconds))) {
    await endTree(identity, 'SIGTERM');
    if (!(await ended(identity, 3))) await endTree(identity, 'SIGKILL');
    await ended(identity, 3);
  }
  await endGroup(identity.pid);
}

function signal(identity: ProcessIdentity, name: NodeJS.Signals): void {
  try {
    if (isAlive(identity)) process.kill(identity.pid, name);
  } catch {
    // It ended in between, which is what was wanted.
  }
}

/** The process and what it has started: it leads a group, and where there are no groups it names its children. */
async function endTree(identity: ProcessIdentity, name: NodeJS.Signals): Promise<void> {
  if (!isAlive(identity)) return;
  if (process.platform !== 'win32') signalGroup(identity.pid, name);
  else
    await new Promise<void>((resolve) => {
      execFile('taskkill', ['/pid', String(identity.pid), '/T', '/F'], () => resolve());
    });
}

/** What the trainer started and left behind: its group ends with it. */
async function endGroup(leader: number): Promise<void> {
  if (process.platform === 'win32' || !signalGroup(leader, 'SIGTERM')) return;
  for (let i = 0; i < 40 && signalGroup(leader, 0); i += 1) await sleep(50);
  signalGroup(leader, 'SIGKILL');
}

/** @param name 0: only looks @returns whether there is any process in the group */
function signalGroup(leader: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, name);
  } catch {
    return false;
  }
}

async function ended(identity: ProcessIdentity, seconds: number): Promise<boolean> {
  const deadline = Date.now() + seconds * 1000;
  while (isAlive(identity)) {
    if (Date.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}
