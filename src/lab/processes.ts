import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { ProcessIdentity } from '../protocol/run';

/** What tells this process from every other, past and future. Undefined when no such process lives. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { host: hostname(), bootId: bootId(), pid, startTime };
}

/** Whether that very process still lives. Only its own host can tell. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.bootId !== bootId()) return false;
  return startTimeOf(identity.pid) === identity.startTime;
}

export function isLocal(identity: ProcessIdentity): boolean {
  return identity.host === hostname();
}

let cachedBootId: string | undefined;

function bootId(): string {
  cachedBootId ??= readBootId();
  return cachedBootId;
}

function readBootId(): string {
  try {
    if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    if (process.platform === 'darwin') return run('sysctl', ['-n', 'kern.bootsessionuuid']);
  } catch {
    // Without a boot id, pid and start time decide.
  }
  return '';
}

function startTimeOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return linuxStartTime(pid);
    if (process.platform === 'win32') {
      return run('powershell', ['-NoProfile', '-Command', `(Get-Process -Id ${pid}).StartTime.Ticks`]) || undefined;
    }
    return run('ps', ['-o', 'lstart=', '-p', String(pid)]) || undefined;
  } catch {
    return undefined;
  }
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot. A zombie has ended, though it still has an entry. */
function linuxStartTime(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the command in parentheses, and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

function run(command: string, args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
