import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../formats/safetensors';
import type { AttackName } from '../protocol/attacks';
import { configSchema } from '../protocol/config';
import type { RunEvent } from '../protocol/events';
import { hostImages } from './data/imageSource';
import { loadDataSet } from './data/registry';
import type { DataSet } from './data/types';
import type { Victim } from './attacks/victim';
import { attackSamples, doneShare, isRobust, naturalSamples } from './robustness';
import { eager } from './runtimes/program';
import { mediaFolder, useWasm } from './testing';
import { train } from './train';

let dataSet: DataSet;
const folders: string[] = [];

beforeAll(async () => {
  await useWasm();
  dataSet = await loadDataSet('digits', { mediaFolder });
});
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const config = {
  method: { name: 'trades_sat', startEpoch: 1, steps: 2 },
  data: { name: 'digits', limit: 200 },
  epochs: 2,
  batchSize: 100,
  metrics: { every: 100 },
  evaluate: {
    attacks: [
      { name: 'pgd20', limit: 150, epsilon: 0.1, stepSize: 0.02 },
      { name: 'fgsm', limit: 20 },
    ],
  },
  checkpoint: { best: 'test/robust_accuracy/pgd20' },
};

async function run(folder: string, { stopAt = Infinity, resumeFrom = '' } = {}) {
  const events: RunEvent[] = [];
  let asked = 0;
  const status = await train({
    folder,
    config: configSchema.parse(config),
    dataSet,
    runtime: { name: 'wasm', device: 'cpu', compile: eager, images: hostImages },
    events: { emit: (event) => events.push(structuredClone(event)) },
    stopRequested: () => asked++ >= stopAt,
    ...(resumeFrom === '' ? {} : { resumeFrom }),
  });
  return { status, metrics: events.filter((event) => event.event === 'metrics') };
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'sat-robust-'));
  folders.push(made);
  return made;
}

function weights(run: string) {
  const file = join(run, 'checkpoints', 'best.safetensors');
  return decodeSafetensors(readFileSync(file), file).tensors;
}

describe('robust accuracy during training', () => {
  it('is measured on the first test images, says of what, chooses the best checkpoint, and survives a stop', async () => {
    const [whole, parts] = [folder(), folder()];
    const { metrics, status } = await run(whole);
    expect(status).toBe('completed');
    expect(metrics).toHaveLength(2);
    for (const { values, about } of metrics) {
      const robust = values['test/robust_accuracy/pgd20'] ?? NaN;
      expect(Number.isInteger(Math.round(robust * 150 * 1e6) / 1e6)).toBe(true);
      expect(robust).toBeLessThanOrEqual(values['test/accuracy'] ?? 0);
      expect(about).toEqual({
        'test/robust_accuracy/pgd20': {
          images: 150,
          name: 'pgd20',
          epsilon: 0.1,
          norm: 'linf',
          seed: 0,
          steps: 20,
          stepSize: 0.02,
          restarts: 1,
        },
        'test/robust_accuracy/fgsm': { images: 20, name: 'fgsm', epsilon: 0.031, norm: 'linf', seed: 0 },
      });
    }
    // Two steps and then some calls of the attack: the stop comes while the first epoch is evaluated.
    const first = await run(parts, { stopAt: 12 });
    expect(first).toMatchObject({ status: 'stopped', metrics: [] });
    const second = await run(parts, { resumeFrom: join(parts, 'checkpoints', 'step-2.safetensors') });
    const untimed = ({ metrics: all }: typeof second) =>
      all.map(({ values, epoch, step }) => ({ values, epoch, step }));
    expect(untimed(second)).toEqual(untimed({ metrics, status }));
    expect(weights(parts)).toEqual(weights(whole));
  });
});

describe('the attacks of a configuration', () => {
  const started = (attack: object, images: DataSet) => {
    const events: RunEvent[] = [];
    const ended = train({
      folder: folder(),
      config: configSchema.parse({ data: config.data, evaluate: { attacks: [attack] } }),
      dataSet: images,
      runtime: { name: 'wasm', device: 'cpu', compile: eager, images: hostImages },
      events: { emit: (event) => events.push(event) },
      stopRequested: () => true,
    });
    return { events, ended };
  };

  it('are refused before any work when there are too few classes for them', async () => {
    const two = { ...dataSet, classNames: ['0', '1'] };
    const { events, ended } = started({ name: 'apgd-t' }, two);
    await expect(ended).rejects.toThrow(/^APGD-T needs 4 classes, the data have 2\. Choose one of fgsm, /);
    expect(events).toEqual([]);
  });

  it('are warned of when their steps are too short', async () => {
    const { events, ended } = started({ name: 'pgd20', epsilon: 0.1, stepSize: 0.003 }, dataSet);
    expect(await ended).toBe('stopped');
    const message = expect.stringMatching(/^pgd20: 20 steps of 0\.003 cannot cross/) as string;
    expect(events).toContainEqual({ event: 'log', level: 'warn', message });
  });
});

describe('attacks in turn', () => {
  const n = 600;
  /** Its prediction is the rounded pixel; every fifth label is wrong. */
  const subject = {
    labels: Int32Array.from({ length: n }, (_, row) => (row % 5 === 0 ? 1 : 0)),
    pixels: (rows: readonly number[]) => Float32Array.from(rows, (row) => row / (4 * n)),
  };
  const victim: Victim = {
    shape: [1, 1, 1],
    classes: 2,
    logits: (images) => Promise.resolve(Float32Array.from([...images].flatMap((x) => [0, x - 0.5]))),
    gradient: () => Promise.reject(new Error('not needed')),
  };
  /** Fools some rows; which of them it may see is told. */
  const part = (name: AttackName, passes: number, fools: (row: number) => boolean, seen: number[] = []) => ({
    name,
    passes,
    attack: (_victim: Victim, { images }: { images: Float32Array }) =>
      Promise.resolve(
        images.map((x) => {
          const row = Math.round(x * 4 * n);
          seen.push(row);
          return fools(row) ? 1 : x;
        }),
      ),
  });

  it('see only what is classified right and what those before have left', async () => {
    const seen: number[] = [];
    const samples = await naturalSamples(victim, subject);
    const parts = [part('pgd20', 1, (row) => row % 2 === 1), part('square', 1, (row) => row % 4 === 0, seen)];
    const shares: number[] = [];
    const seenSoFar: number[] = [];
    await attackSamples(victim, parts, 0, subject, samples, {
      unit: ({ robustShare, seen: few }) => {
        shares.push(robustShare);
        seenSoFar.push(few);
      },
    });
    expect(seen).toEqual(Array.from({ length: n }, (_, row) => row).filter((row) => row % 5 !== 0 && row % 2 === 0));
    const by = (name: string) => samples.filter(({ fooledBy }) => fooledBy === name).map(({ index }) => index);
    expect(by('pgd20').every((row) => row % 2 === 1 && row % 5 !== 0)).toBe(true);
    expect(by('pgd20')).toHaveLength(240);
    expect(by('square')).toHaveLength(120);
    // Four batches of 480 images, then two of the 240 that are left.
    expect(shares).toHaveLength(6);
    expect(shares.map((share) => Number(share.toFixed(2)))).toEqual([0.4, 0.4, 0.4, 0.4, 0.2, 0.2]);
    // Of 600: as large a part as of those that the attempt is to see.
    expect(seenSoFar).toEqual([160, 320, 480, 600, 320, 600]);
    expect(samples.filter(isRobust)).toHaveLength(120);
  });

  it.each([1, 2, 4, 5, 6])('go on after batch %i as if nothing had been', async (stopAfter) => {
    const parts = [part('pgd20', 10, (row) => row % 2 === 1), part('square', 90, (row) => row % 4 === 0)];
    const expected = await naturalSamples(victim, subject);
    const done: number[] = [];
    await attackSamples(victim, parts, 0, subject, expected, { unit: (unit) => void done.push(unit.done) });
    const samples = await naturalSamples(victim, subject);
    let units = 0;
    const interrupted = attackSamples(victim, parts, 0, subject, samples, {
      unit: () => {
        units += 1;
        if (units === stopAfter) throw new Error('stop');
      },
    });
    await expect(interrupted).rejects.toThrow('stop');
    expect(doneShare(samples, parts)).toBe(done[stopAfter - 1]);
    const rest: number[] = [];
    await attackSamples(victim, parts, 0, subject, samples, { unit: (unit) => void rest.push(unit.done) });
    expect(rest).toEqual(done.slice(stopAfter));
    expect(samples).toEqual(expected);
  });

  it('count by the passes that they make, of which an image that is fooled needs no more', async () => {
    const parts = [part('pgd20', 10, (row) => row % 2 === 1), part('square', 90, (row) => row % 4 === 0)];
    const samples = await naturalSamples(victim, subject);
    expect(doneShare(samples, parts)).toBe(0);
    const done: number[] = [];
    await attackSamples(victim, parts, 0, subject, samples, { unit: (unit) => void done.push(unit.done) });
    // 480 images make 10 passes; 240 are left for 90. The first 128 images are 64 odd ones less.
    const [first, , , attacked, half] = done;
    expect(first).toBeCloseTo(1280 / (1280 + 352 * 10 + 416 * 90), 12);
    expect(attacked).toBeCloseTo(4800 / (4800 + 240 * 90), 12);
    expect(half).toBeCloseTo((4800 + 128 * 90) / (4800 + 240 * 90), 12);
    expect(done.at(-1)).toBe(1);
  });
});
