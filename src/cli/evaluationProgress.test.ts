import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Evaluation } from '../lab/evaluate';
import { formatEvent, type RunEvent } from '../protocol/events';
import { progressLog } from './evaluationProgress';
import { print } from './output';

describe('the progress of an evaluation in a log', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sat-progress-'));
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });

  it('is a line a minute', async () => {
    const own = join(folder, 'evaluations', 'one');
    mkdirSync(own, { recursive: true });
    const attack = { name: 'autoattack', epsilon: 0.031, norm: 'linf' };
    const record = {
      version: 1,
      id: 'one',
      checkpoint: 'checkpoints/epoch-10.safetensors',
      step: 1,
      epoch: 10,
      data: {},
    };
    writeFileSync(join(own, 'evaluation.json'), JSON.stringify({ ...record, attack }));
    const about = { images: 1000, epsilon: 0.031, norm: 'linf', seen: 200 };
    const events: RunEvent[] = [
      { event: 'start', time: 0, runtime: 'wasm', steps: 1000 },
      { event: 'metrics', step: 250, time: 600, values: { robust: 0.4 }, about: { robust: about } },
    ];
    writeFileSync(join(own, 'events.ndjson'), events.map(formatEvent).join(''));
    const evaluation = new Evaluation(own);
    await evaluation.refresh();

    const note = vi.spyOn(print, 'note').mockReturnValue();
    vi.useFakeTimers();
    const log = progressLog(evaluation);
    for (let tenths = 0; tenths < 1250; tenths += 1) {
      vi.advanceTimersByTime(100);
      log.update();
    }
    // Wilson: 80 of 200 lies between 33.5 % and 46.9 %.
    const line = 'epoch-10 AutoAttack: 25 % · 40.0 % (33.5–46.9) so far · 30 min left';
    expect(note.mock.calls).toEqual([[line], [line]]);
  });
});
