import { spawn, type ChildProcess } from 'node:child_process';

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  signal?: AbortSignal | undefined;
  env?: NodeJS.ProcessEnv | undefined;
  /** After so many milliseconds it is ended. */
  timeout?: number | undefined;
}

/**
 * Runs a program to its end, and with it all that it starts.
 * @throws the signal's reason when it was aborted; Error when there is no such program
 */
export function runProgram(program: string, args: string[], { signal, env, timeout }: RunOptions = {}): Promise<Ended> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      // A process group of its own can be ended whole; looking for children would need a "ps" that slim images lack.
      detached: process.platform !== 'win32',
      env: env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
    const told = { stdout: '', stderr: '' };
    child.stdout.on('data', (bytes: Buffer) => (told.stdout += bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => (told.stderr += bytes.toString()));
    const end = () => endGroup(child);
    const timer = timeout === undefined ? undefined : setTimeout(end, timeout);
    signal?.addEventListener('abort', end);
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      finish();
    };
    child.on('error', (error) => settle(() => reject(error)));
    child.on('close', (code, ended) =>
      settle(() => {
        if (signal?.aborted) reject(signal.reason as Error);
        else resolve({ code, signal: ended, ...told });
      }),
    );
  });
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

/** The telling line of a program's output: the last that matches, else the last. */
export function whatItSaid(output: string, telling: RegExp): string {
  const lines = output.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  const line = lines.findLast((line) => telling.test(line)) ?? lines.at(-1) ?? 'it said nothing';
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
