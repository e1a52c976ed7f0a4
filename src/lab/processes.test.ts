import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { identify, isAlive, isLocal } from './processes';

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function start(command: string, ...args: string[]): Promise<ChildProcess & { pid: number }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  await once(child, 'spawn');
  return child as ChildProcess & { pid: number };
}

const idle = () => start(process.execPath, '-e', 'setInterval(() => {}, 1000)');

describe('identify', () => {
  it('knows this process, the same every time', () => {
    const identity = identify(process.pid);
    expect(identity).toMatchObject({ host: hostname(), pid: process.pid });
    expect(identity?.startTime).not.toBe('');
    expect(identify(process.pid)).toEqual(identity);
    expect(isAlive(identity!)).toBe(true);
  });

  it('knows nothing of a process that is not there', async () => {
    const child = await idle();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(identify(child.pid)).toBeUndefined();
    expect(identify(2 ** 30)).toBeUndefined();
  });

  it('tells processes apart that were started one after the other', async () => {
    const first = identify((await idle()).pid);
    await sleep(30);
    const second = identify((await idle()).pid);
    expect(first?.startTime).not.toBe(second?.startTime);
  });
});

describe('isAlive', () => {
  it('follows a process to its end', async () => {
    const child = await idle();
    const identity = identify(child.pid)!;
    expect(isAlive(identity)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isAlive(identity)).toBe(false);
  });

  it('does not take a reused pid for the process that had it', () => {
    const identity = identify(process.pid)!;
    expect(isAlive({ ...identity, startTime: `${identity.startTime}0` })).toBe(false);
  });

  it('does not take a process of this boot for one of an earlier boot', () => {
    expect(isAlive({ ...identify(process.pid)!, bootId: 'another' })).toBe(false);
  });

  it.runIf(process.platform === 'linux')('takes a zombie for ended', async () => {
    // The shell becomes a sleep before its child ends, and a sleep never asks after a child.
    const child = await start('sh', '-c', 'sleep 0.3 & echo $!; exec sleep 20');
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    const pid = Number(line.toString());
    for (let i = 0; i < 100 && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')); i += 1) await sleep(20);
    expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z /);
    expect(identify(pid)).toBeUndefined();
  });

  it.runIf(process.platform === 'linux')('reads past parentheses and spaces in a name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sat-process-'));
    const program = join(folder, 'a) Z 1 (b');
    copyFileSync('/bin/sleep', program);
    chmodSync(program, 0o755);
    const child = await start(program, '20');
    // The name is the new program's only once it has replaced the fork.
    for (let i = 0; i < 100 && !readFileSync(`/proc/${child.pid}/stat`, 'utf8').includes('a) Z'); i += 1)
      await sleep(10);
    expect(readFileSync(`/proc/${child.pid}/stat`, 'utf8')).toContain('(a) Z 1 (b)');
    const identity = identify(child.pid);
    expect(identity?.startTime).toMatch(/^\d+$/);
    expect(isAlive(identity!)).toBe(true);
    rmSync(folder, { recursive: true });
  });
});

describe('isLocal', () => {
  it('goes by the host', () => {
    const identity = identify(process.pid)!;
    expect(isLocal(identity)).toBe(true);
    expect(isLocal({ ...identity, host: 'elsewhere.example' })).toBe(false);
  });
});
