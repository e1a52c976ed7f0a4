import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import type { Tools } from '../../src/lab/launch';
import { isAlive } from '../../src/lab/processes';
import type { Run } from '../../src/lab/run';
import { listRuns } from '../../src/lab/store';

const root = resolve(import.meta.dirname, '../..');

/** A folder with the real supervisor, `sat` and presets, and a trainer that only pretends to train. */
export async function buildPrograms(): Promise<Tools & { remove: () => void }> {
  const place = mkdtempSync(join(tmpdir(), 'sat-programs-'));
  const dist = join(place, 'dist');
  cpSync(join(root, 'media', 'presets'), join(place, 'media', 'presets'), { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: {
      supervisor: 'src/lab/supervisor.ts',
      sat: 'src/cli/sat.ts',
      trainer: 'test/faults/fakeTrainer.mjs',
    },
    outdir: dist,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    mainFields: ['module', 'main'],
    define: { SAT_LAB_VERSION: '"0.0.0-test"' },
    logLevel: 'error',
  });
  return {
    node: process.execPath,
    dist,
    version: '0.0.0-test',
    remove: () => rmSync(place, { recursive: true, force: true }),
  };
}

/** Waits until something holds. @throws Error naming what did not come about */
export async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 10): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(20);
  }
}

/** Waits until a run has a status. */
export async function untilStatus(run: Run, ...statuses: Run['status'][]): Promise<void> {
  try {
    await until(`${run.id} is ${statuses.join(' or ')}`, async () => {
      await run.refresh();
      return statuses.includes(run.status);
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}; it is ${run.status} (${run.statusNote ?? ''})`, { cause: error });
  }
}

/** Ends whatever runs have left behind, by the pids that they wrote down. */
export async function endAll(runsFolder: string): Promise<void> {
  for (const run of await listRuns(runsFolder)) {
    const identity = run.record?.process;
    if (identity && isAlive(identity)) kill(identity.pid);
    // A run that has wrongly got two trainers has only one of them in its record.
    for (const pid of [...trainersOf(run), grandchildOf(run) ?? 0]) {
      if (pid > 0 && commandOf(pid).includes(run.folder)) kill(pid);
    }
  }
}

export function grandchildOf({ folder }: Run): number | undefined {
  const text = readText(join(folder, 'grandchild.pid'));
  return text === '' ? undefined : Number(text);
}

/** How many trainers have ever worked on a run. */
export function trainersOf({ folder }: Run): number[] {
  return readText(join(folder, 'trainers')).split('\n').filter(Boolean).map(Number);
}

export function commandOf(pid: number): string {
  return readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
}

export function parentOf(pid: number): number {
  const stat = readText(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
