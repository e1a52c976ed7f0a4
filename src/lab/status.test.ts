import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { ProcessIdentity } from '../protocol/run';
import { identify } from './processes';
import { deriveStatus, type Evidence } from './status';

const now = 1_800_000_000;
const living = identify(process.pid)!;
const dead: ProcessIdentity = { ...living, startTime: 'at another time' };
const elsewhere: ProcessIdentity = { ...living, host: `not-${hostname()}` };

const none: Evidence = { end: undefined, exit: undefined, stopRequested: false, process: null, lastSign: now };
const exit = (code: number | null, signal: string | null = null) => ({ version: 1, code, signal, time: now });
const derive = (evidence: Partial<Evidence>) => deriveStatus({ ...none, ...evidence }, now);

describe('the order of evidence', () => {
  it('believes the end event before all else', () => {
    for (const status of ['completed', 'failed', 'stopped'] as const) {
      const end = { event: 'end', status } as const;
      expect(derive({ end, exit: exit(1), process: living })).toEqual({ status });
      expect(derive({ end, exit: exit(0), process: dead })).toEqual({ status });
      expect(derive({ end, lastSign: 0 })).toEqual({ status });
    }
  });

  it('gives the end event’s own reason', () => {
    expect(derive({ end: { event: 'end', status: 'failed', message: 'no memory' } })).toEqual({
      status: 'failed',
      note: 'no memory',
    });
  });

  it('believes the exit before the process', () => {
    expect(derive({ exit: exit(0), process: living })).toEqual({ status: 'completed' });
    expect(derive({ exit: exit(0), process: dead })).toEqual({ status: 'completed' });
    expect(derive({ exit: exit(3), process: living })).toMatchObject({ status: 'failed', note: 'exit code 3' });
    expect(derive({ exit: exit(null, 'SIGKILL') })).toMatchObject({ status: 'failed', note: 'ended by SIGKILL' });
  });

  it('takes the signal of a stop that somebody asked for as a stop', () => {
    expect(derive({ exit: exit(null, 'SIGTERM'), stopRequested: true }).status).toBe('stopped');
    expect(derive({ exit: exit(3), stopRequested: true }).status).toBe('failed');
  });

  it('else asks whether that very process lives', () => {
    expect(derive({ process: living, lastSign: 0 })).toEqual({ status: 'running' });
    expect(derive({ process: dead })).toMatchObject({ status: 'lost' });
    expect(derive({ process: { ...living, bootId: 'an earlier boot' } }).status).toBe('lost');
  });
});

describe('a process on another host', () => {
  it('is judged by the age of the last event, and the note says so', () => {
    const young = derive({ process: elsewhere, lastSign: now - 10 });
    expect(young.status).toBe('running');
    expect(young.note).toContain(elsewhere.host);
    const old = derive({ process: elsewhere, lastSign: now - 3600 });
    expect(old.status).toBe('lost');
    expect(old.note).toContain(elsewhere.host);
  });

  it('is still outweighed by an end and an exit', () => {
    expect(derive({ process: elsewhere, exit: exit(0), lastSign: 0 })).toEqual({ status: 'completed' });
    const end = { event: 'end', status: 'stopped' } as const;
    expect(derive({ process: elsewhere, end, lastSign: 0 })).toEqual({ status: 'stopped' });
  });
});

describe('a run without a process', () => {
  it('is starting for a moment, then lost with a reason', () => {
    expect(derive({ lastSign: now - 1 }).status).toBe('running');
    const late = derive({ lastSign: now - 3600 });
    expect(late.status).toBe('lost');
    expect(late.note).toBeTruthy();
  });

  it('is lost when nothing tells its age', () => {
    expect(derive({ lastSign: NaN }).status).toBe('lost');
  });
});
