import type { RunEvent } from '../protocol/events';
import type { ExitRecord, ProcessIdentity, RunStatus } from '../protocol/run';
import { isAlive, isLocal } from './processes';

export interface Evidence {
  /** The last `end` event after the last `start`. */
  end: Extract<RunEvent, { event: 'end' }> | undefined;
  exit: ExitRecord | undefined;
  /** Somebody asked the run to stop. */
  stopRequested: boolean;
  process: ProcessIdentity | null;
  /** Unix seconds of the newest sign of life: the last event, or the making of the run. */
  lastSign: number;
}

/** Silence after which a run on another machine is taken for gone, in seconds. */
const silence = 300;

/** A run is given this long to get its process, in seconds: launching is not instant. */
const launchTime = 30;

/**
 * The status of a run, derived from what is really there: its end event, else how its process exited, else whether that
 * very process lives. On another host only the age of the last event can be judged, and `note` says so.
 * @param now Unix seconds
 */
export function deriveStatus(
  { end, exit, stopRequested, process, lastSign }: Evidence,
  now: number,
): { status: RunStatus; note?: string } {
  if (end) return { status: end.status, ...(end.message === undefined ? {} : { note: end.message }) };
  if (exit) {
    if (exit.code === 0) return { status: 'completed' };
    const how = exit.signal ? `ended by ${exit.signal}` : `exit code ${exit.code ?? 'unknown'}`;
    return { status: stopRequested && exit.signal ? 'stopped' : 'failed', note: how };
  }
  const age = now - lastSign;
  if (!process) return age < launchTime ? { status: 'running' } : { status: 'lost', note: 'it never started' };
  if (isLocal(process)) {
    return isAlive(process) ? { status: 'running' } : { status: 'lost', note: 'its process is gone without an end' };
  }
  const where = `on ${process.host}, judged by its last event`;
  return age < silence ? { status: 'running', note: where } : { status: 'lost', note: `silent for long, ${where}` };
}
