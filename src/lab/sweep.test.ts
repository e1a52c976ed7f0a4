import { describe, expect, it } from 'vitest';
import type { RunStatus } from '../protocol/run';
import { resolveConfig, type ConfigCell } from './config';
import { sweepGroup, sweepProgress } from './sweep';

type Seen = Parameters<typeof sweepProgress>[0][number];

const run = (id: string, status: RunStatus, duration?: number, secondsLeft?: number): Seen => ({
  id,
  status,
  record: undefined,
  duration,
  progress: { step: 0, steps: undefined, epoch: 0, epochs: undefined, secondsLeft },
});

describe('how far a sweep is', () => {
  it('is told by finished cells, and by the mean length of a run', () => {
    const runs = [run('a', 'completed', 100), run('b', 'completed', 200), run('c', 'running', 150, 50)];
    // 50 s of the one that runs, and 3 more of 150 s, one at a time.
    expect(sweepProgress(runs, 6)).toEqual({ done: 2, total: 6, secondsLeft: 500 });
  });

  it('shares what is left among those that run, but is never shorter than one of them', () => {
    const runs = [run('a', 'running', 100, 60), run('b', 'running', 100, 40)];
    expect(sweepProgress(runs, 4).secondsLeft).toBe((60 + 40 + 2 * 100) / 2);
    expect(sweepProgress([run('a', 'running', 100, 90), run('b', 'running', 100, 10)], 2).secondsLeft).toBe(90);
  });

  it('counts a cell once, however many runs it took, and a failed one not at all', () => {
    const runs = [run('a', 'completed', 10), run('a', 'completed', 10), run('b', 'failed', 1), run('c', 'stopped', 1)];
    expect(sweepProgress(runs, 3)).toEqual({ done: 1, total: 3, secondsLeft: undefined });
  });

  it('counts the newest run of each cell, and no more cells than there are', () => {
    // The file was edited after "a" and "b", and its two cells are now "c" and one that has not begun.
    const edited = [run('c', 'running', 50, 20), run('b', 'completed', 10), run('a', 'completed', 10)];
    expect(sweepProgress(edited, 2).done).toBe(1);
    // What "a" was made from has changed, so that it runs anew.
    expect(sweepProgress([run('a', 'running', 50, 20), run('a', 'completed', 10)], 1).done).toBe(0);
  });

  it('waits for no cell that failed, unless it is to be run anew', () => {
    const failed = ['c', 'd', 'e', 'f'].map((id) => run(id, 'failed', 10));
    const runs = [run('b', 'running', 10, 5), ...failed, run('a', 'completed', 10)];
    expect(sweepProgress(runs, 6).secondsLeft).toBe(5);
    expect(sweepProgress(runs, 6, 4).secondsLeft).toBe(5 + 4 * 10);
  });

  it('has no estimate before the first step, nor when nothing runs', () => {
    expect(sweepProgress([run('a', 'running')], 3).secondsLeft).toBeUndefined();
    expect(sweepProgress([run('a', 'completed', 10)], 3).secondsLeft).toBeUndefined();
    // The first steps of the second are as long as the mean of what is known.
    expect(sweepProgress([run('a', 'completed', 10), run('b', 'running')], 2).secondsLeft).toBe(10);
  });
});

describe('the group of a sweep', () => {
  const cell = (name: string): ConfigCell => ({ config: resolveConfig({ name }), hash: name, settings: {} });

  it('is the name that all its cells share, else that of its file', () => {
    expect(sweepGroup('/somewhere/grid.sat.json', [cell('noise'), cell('noise')])).toBe('noise');
    expect(sweepGroup('/somewhere/grid.sat.json', [cell(''), cell('')])).toBe('grid.sat.json');
    expect(sweepGroup('/somewhere/grid.sat.json', [cell('a'), cell('b')])).toBe('grid.sat.json');
  });
});
