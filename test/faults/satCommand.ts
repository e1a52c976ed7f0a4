import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { buildPrograms, endAll } from './programs';

/** What a `sat` has left. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Gives each test of a file a folder of its own to call `sat` in; nothing of it goes on afterwards. */
export function useSatCommand(prefix: string) {
  let programs: Awaited<ReturnType<typeof buildPrograms>>;
  let place = '';
  const runsFolder = () => join(place, 'sat-runs');
  beforeAll(async () => {
    programs = await buildPrograms();
  }, 60_000);
  afterAll(() => programs.remove());
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), prefix));
  });
  afterEach(async () => {
    await endAll(runsFolder());
    await sleep(50);
    rmSync(place, { recursive: true, force: true, maxRetries: 20 });
  });

  /** Starts `sat` in the test's folder, as somebody at a prompt would. @param behaviour of the trainer */
  function start(args: string[], behaviour = '') {
    const env: NodeJS.ProcessEnv = { ...process.env, FAKE_TRAINER: behaviour };
    delete env['SAT_RUNS'];
    const child = spawn(programs.node, [join(programs.dist, 'sat.js'), ...args], { cwd: place, env });
    const told = { stdout: '', stderr: '' };
    child.stdout.on('data', (bytes: Buffer) => (told.stdout += bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => (told.stderr += bytes.toString()));
    const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, ...told })));
    return { child, told, ended };
  }

  return {
    start,
    sat: (...args: string[]) => start(args).ended,
    tools: () => programs,
    place: () => place,
    runsFolder,
  };
}
