import { appendFile, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatEvent, type RunEvent } from '../protocol/events';
import { MetricsReader } from './metricsReader';

let folder: string;
let file: string;
let reader: MetricsReader;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sat-metrics-'));
  file = join(folder, 'metrics.ndjson');
  reader = new MetricsReader(file);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const metrics = (step: number, values: Record<string, number>, epoch?: number): string =>
  formatEvent({ event: 'metrics', step, ...(epoch === undefined ? {} : { epoch }), values });
const event = (value: RunEvent): string => formatEvent(value);

const points = (name: string, from = reader) => {
  const series = from.series.get(name);
  return series ? [...series.steps].map((step, i) => [step, series.values[i]]) : undefined;
};

async function take(...lines: string[]): Promise<boolean> {
  await appendFile(file, lines.join(''));
  return reader.poll();
}

describe('reading', () => {
  it('takes a missing file for an empty one', async () => {
    expect(await reader.poll()).toBe(false);
    expect(await take(metrics(1, { loss: 2 }))).toBe(true);
    expect(points('loss')).toEqual([[1, 2]]);
  });

  it('says whether there was anything new', async () => {
    await take(metrics(1, { loss: 2 }));
    expect(await reader.poll()).toBe(false);
  });

  it('follows a file that grows', async () => {
    await take(metrics(1, { loss: 2 }, 0));
    await take(metrics(2, { loss: 1 }, 1), metrics(3, { loss: 0.5 }, 1));
    expect(points('loss')).toEqual([
      [1, 2],
      [2, 1],
      [3, 0.5],
    ]);
    expect(reader).toMatchObject({ lastStep: 3, lastEpoch: 1 });
  });

  it('reads no byte twice when asked twice at once', async () => {
    await appendFile(file, 'words\n' + metrics(1, { loss: 2 }));
    await Promise.all([reader.poll(), reader.poll(), reader.poll()]);
    expect(reader.log).toEqual(['words']);
  });

  it('keeps start and end', async () => {
    await take(event({ event: 'start', time: 100, runtime: 'wasm', steps: 20, epochs: 2 }));
    expect(reader.start).toMatchObject({ runtime: 'wasm', steps: 20 });
    expect(reader.end).toBeUndefined();
    await take(event({ event: 'end', status: 'completed', time: 130 }));
    expect(reader.end).toMatchObject({ status: 'completed' });
    expect(reader.lastTime).toBe(130);
  });

  it('judges the time left by the speed since the last start', async () => {
    await take(event({ event: 'start', time: 100, steps: 100, fromStep: 50 }));
    expect(reader.secondsLeft).toBeUndefined();
    await take(event({ event: 'metrics', step: 60, time: 120, values: {} }));
    expect(reader.secondsLeft).toBeCloseTo(80);
  });
});

describe('a torn last line', () => {
  it('waits for its rest', async () => {
    const line = metrics(1, { loss: 2 });
    await take(line.slice(0, 20));
    expect(points('loss')).toBeUndefined();
    expect(reader.log).toEqual([]);
    await take(line.slice(20, -1));
    expect(points('loss')).toBeUndefined();
    await take('\n');
    expect(points('loss')).toEqual([[1, 2]]);
  });

  it('may be torn at every byte, also inside a character of several', async () => {
    const text = event({ event: 'log', level: 'warn', message: 'Zürich, 数字 🙂' }) + metrics(1, { 'α/😀': 0.5 });
    const bytes = Buffer.from(text);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const torn = join(folder, `torn-${cut}`);
      const follower = new MetricsReader(torn);
      await writeFile(torn, bytes.subarray(0, cut));
      await follower.poll();
      await appendFile(torn, bytes.subarray(cut));
      await follower.poll();
      expect(follower.log).toEqual(['warn: Zürich, 数字 🙂']);
      expect(points('α/😀', follower)).toEqual([[1, 0.5]]);
    }
  });

  it('is kept in the log when a resumed run goes on after it', async () => {
    await take(metrics(1, { loss: 2 }), '{"event":"metrics","st');
    await take('\n', event({ event: 'start', fromStep: 1 }), metrics(2, { loss: 1 }));
    expect(reader.log).toEqual(['{"event":"metrics","st']);
    expect(points('loss')).toEqual([
      [1, 2],
      [2, 1],
    ]);
  });
});

describe('a line that is not an event', () => {
  it('is kept in the log and harms nothing', async () => {
    const garbage = [
      'Epoch 1',
      '{"event":"metrics"}',
      '{"event":"metrics","step":-1,"values":{}}',
      '{"event":"metrics","step":1,"values":{"loss":"low"}}',
      '{"event":"party","step":1}',
      '{"step":1}',
      '[1,2]',
      'null',
      '{',
    ];
    await take(metrics(1, { loss: 2 }), ...garbage.map((line) => `${line}\n`), '\n', '   \n', metrics(2, { loss: 1 }));
    expect(reader.log).toEqual(garbage);
    expect(points('loss')).toEqual([
      [1, 2],
      [2, 1],
    ]);
  });

  it('harms nothing in bytes that are no UTF-8', async () => {
    await writeFile(
      file,
      Buffer.concat([Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x0a]), Buffer.from(metrics(1, { a: 1 }))]),
    );
    await reader.poll();
    expect(reader.log).toHaveLength(1);
    expect(points('a')).toEqual([[1, 1]]);
  });

  it('is read with Windows line ends', async () => {
    await take(metrics(1, { loss: 2 }).replace('\n', '\r\n'));
    expect(points('loss')).toEqual([[1, 2]]);
  });

  it('does not let the log grow without end', async () => {
    await take(...Array.from({ length: 5000 }, (_, i) => `line ${i}\n`));
    expect(reader.log.length).toBeLessThanOrEqual(1000);
    expect(reader.log.at(-1)).toBe('line 4999');
  });

  it('shares the log with the log events', async () => {
    await take('printed\n', event({ event: 'log', level: 'error', message: 'broken' }));
    expect(reader.log).toEqual(['printed', 'error: broken']);
  });
});

describe('values', () => {
  it('of one step merge, and the newer one wins', async () => {
    await take(metrics(5, { loss: 2, accuracy: 0.1 }), metrics(5, { loss: 1, lr: 0.1 }));
    expect(points('loss')).toEqual([[5, 1]]);
    expect(points('accuracy')).toEqual([[5, 0.1]]);
    expect(points('lr')).toEqual([[5, 0.1]]);
  });

  it('may be NaN or infinite', async () => {
    await take('{"event":"metrics","step":1,"values":{"a":"NaN","b":"Infinity","c":"-Infinity"}}\n');
    expect([points('a'), points('b'), points('c')]).toEqual([[[1, NaN]], [[1, Infinity]], [[1, -Infinity]]]);
    await take(metrics(2, { a: NaN, b: Infinity, c: -Infinity }));
    expect([points('a')?.[1], points('b')?.[1], points('c')?.[1]]).toEqual([
      [2, NaN],
      [2, Infinity],
      [2, -Infinity],
    ]);
    expect(reader.log).toEqual([]);
  });

  it('of step 0, before the training, are kept', async () => {
    await take(metrics(0, { 'test/accuracy': 0.1 }));
    expect(points('test/accuracy')).toEqual([[0, 0.1]]);
  });

  it('may be called after what every object has', async () => {
    await take(metrics(1, { constructor: 1, toString: 2 }));
    expect(points('constructor')).toEqual([[1, 1]]);
    expect(points('toString')).toEqual([[1, 2]]);
  });

  it('have no epoch when the event does not tell it', async () => {
    await take(metrics(1, { a: 1 }), metrics(2, { a: 1 }, 3));
    expect([...(reader.series.get('a')?.epochs ?? [])]).toEqual([NaN, 3]);
  });
});

describe('a start that goes on from a step', () => {
  const checkpoint = (step: number) => event({ event: 'checkpoint', step, epoch: step, path: `checkpoints/${step}` });

  it('supersedes later metrics and checkpoints', async () => {
    await take(event({ event: 'start', steps: 9 }), metrics(1, { a: 1 }, 1), checkpoint(1), metrics(2, { a: 2 }, 2));
    await take(checkpoint(2), metrics(3, { a: 3, b: 3 }, 3), event({ event: 'end', status: 'stopped' }));
    await take(event({ event: 'start', steps: 9, fromStep: 1 }));
    expect(points('a')).toEqual([[1, 1]]);
    expect(points('b') ?? []).toEqual([]);
    expect(reader.checkpoints.map(({ step }) => step)).toEqual([1]);
    expect(reader).toMatchObject({ lastStep: 1, lastEpoch: 1 });
    expect(reader.end).toBeUndefined();
    await take(metrics(2, { a: 22 }, 2), checkpoint(2));
    expect(points('a')).toEqual([
      [1, 1],
      [2, 22],
    ]);
    expect(reader.checkpoints.map(({ step }) => step)).toEqual([1, 2]);
  });

  it('changes the revision of what it cut', async () => {
    await take(metrics(1, { a: 1 }), metrics(2, { a: 2 }));
    const series = reader.series.get('a');
    const before = series?.revision;
    await take(event({ event: 'start', fromStep: 1 }));
    expect(reader.series.get('a')?.revision).not.toBe(before);
  });

  it('starts from nothing without a step', async () => {
    await take(metrics(1, { a: 1 }), checkpoint(1), event({ event: 'start' }));
    expect(points('a') ?? []).toEqual([]);
    expect(reader.checkpoints).toEqual([]);
    expect(reader.lastStep).toBe(0);
  });

  it('may be the second in one reading', async () => {
    await take(
      metrics(1, { a: 1 }),
      metrics(2, { a: 2 }),
      event({ event: 'start', fromStep: 1 }),
      metrics(2, { a: 3 }),
    );
    expect(points('a')).toEqual([
      [1, 1],
      [2, 3],
    ]);
  });

  it('keeps one entry for a checkpoint written again', async () => {
    await take(checkpoint(1), checkpoint(1));
    expect(reader.checkpoints).toHaveLength(1);
  });
});

describe('a file that changes under the reader', () => {
  it('is read anew when it was truncated', async () => {
    await take('words\n', event({ event: 'start', time: 1 }), metrics(1, { a: 1 }), metrics(2, { a: 2, b: 2 }));
    await truncate(file, 0);
    await reader.poll();
    await take(metrics(1, { a: 9 }));
    expect(points('a')).toEqual([[1, 9]]);
    expect(points('b') ?? []).toEqual([]);
    expect(reader.log).toEqual([]);
    expect(reader.start).toBeUndefined();
    expect(reader.lastStep).toBe(1);
  });

  it('is read anew when it was replaced by a shorter one', async () => {
    await take(metrics(1, { a: 1 }), metrics(2, { a: 2 }));
    await writeFile(join(folder, 'other'), metrics(1, { a: 9 }));
    await rename(join(folder, 'other'), file);
    expect(await reader.poll()).toBe(true);
    expect(points('a')).toEqual([[1, 9]]);
  });

  it.each([1, 3])(
    'is read anew when it was replaced by one of the same length or a longer one (%i lines)',
    async (n) => {
      await take(metrics(1, { a: 1 }));
      await writeFile(join(folder, 'other'), Array.from({ length: n }, (_, i) => metrics(i + 1, { a: 9 })).join(''));
      await rename(join(folder, 'other'), file);
      expect(await reader.poll()).toBe(true);
      expect(points('a')).toEqual(Array.from({ length: n }, (_, i) => [i + 1, 9]));
    },
  );

  it('does not keep a torn line of the old file', async () => {
    await take(metrics(1, { a: 1 }), '{"event":"metr');
    await truncate(file, 0);
    await reader.poll();
    await take(metrics(2, { a: 2 }));
    expect(points('a')).toEqual([[2, 2]]);
    expect(reader.log).toEqual([]);
  });

  it('shows by the revision that the points are others, also when there are more of them', async () => {
    await take(metrics(1, { a: 1 }), metrics(2, { a: 2 }));
    // Whoever shows a series remembers its length and revision, and takes only what is new while the revision stays.
    const before = reader.series.get('a')?.revision;
    await writeFile(join(folder, 'other'), [1, 2, 3].map((step) => metrics(step, { a: 7 })).join(''));
    await rename(join(folder, 'other'), file);
    await reader.poll();
    expect(reader.series.get('a')?.revision).not.toBe(before);
  });
});
