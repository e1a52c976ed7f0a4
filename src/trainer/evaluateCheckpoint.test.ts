import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeNpy } from '../formats/npy';
import { decodeSafetensors, encodeSafetensors } from '../formats/safetensors';
import { configSchema } from '../protocol/config';
import { evaluationRecordSchema } from '../protocol/evaluation';
import type { RunEvent } from '../protocol/events';
import { hostImages } from './data/imageSource';
import { loadDataSet } from './data/registry';
import type { DataSet } from './data/types';
import { evaluateCheckpoint } from './evaluateCheckpoint';
import { eager } from './runtimes/program';
import { mediaFolder, useWasm } from './testing';
import { train } from './train';

const runtime = { name: 'wasm', device: 'cpu', compile: eager, images: hostImages } as const;
const pgd = { name: 'pgd20', epsilon: 0.1, stepSize: 0.02 };
const config = configSchema.parse({
  method: { name: 'erm' },
  epochs: 3,
  evaluate: { every: 3, attacks: [{ ...pgd, limit: 300 }] },
});
let dataSet: DataSet;
let place: string;
let checkpoint: string;
let trained: Record<string, number> = {};

beforeAll(async () => {
  await useWasm();
  dataSet = await loadDataSet('digits', { mediaFolder });
  place = mkdtempSync(join(tmpdir(), 'sat-evaluate-'));
  checkpoint = join(place, 'checkpoints', 'latest.safetensors');
  await train({
    folder: place,
    config,
    dataSet,
    runtime,
    events: {
      emit: (event) => {
        if (event.event === 'metrics') trained = { ...trained, ...event.values };
      },
    },
    stopRequested: () => false,
  });
}, 60_000);
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** A copy of the checkpoint whose weights are all the same number. @param of how their names begin @returns its path */
function withWeights(value: number, of = ''): string {
  const { tensors, metadata } = decodeSafetensors(readFileSync(checkpoint), checkpoint);
  for (const [name, { data }] of tensors) if (name.startsWith(of) && data instanceof Float32Array) data.fill(value);
  const file = join(place, 'checkpoints', `all-${value}.safetensors`);
  writeFileSync(file, encodeSafetensors(tensors, metadata));
  return file;
}

/** What an earlier call has recorded, if there was one. */
function recordedFingerprint(folder: string): string | null {
  const file = join(folder, 'evaluation.json');
  return existsSync(file) ? evaluationRecordSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).fingerprint : null;
}

/** @param stopAt after how many questions a stop is asked for */
async function evaluate(
  id: string,
  attack: object,
  { stopAt = Infinity, limit = 300, given = config, images = dataSet, of = checkpoint } = {},
) {
  const folder = join(place, 'evaluations', id);
  mkdirSync(folder, { recursive: true });
  const events: RunEvent[] = [];
  let asked = 0;
  const fingerprint = recordedFingerprint(folder);
  const request = { version: 1, id, checkpoint: relative(place, of), step: 36, epoch: 3, fingerprint, data: {}, limit };
  const status = await evaluateCheckpoint({
    folder,
    record: evaluationRecordSchema.parse({ ...request, attack, saveImages: true }),
    checkpoint: of,
    config: given,
    dataSet: images,
    runtime,
    events: { emit: (event) => events.push(structuredClone(event)) },
    stopRequested: () => asked++ >= stopAt,
  });
  const file = (name: string) => readFileSync(join(folder, name));
  const record = evaluationRecordSchema.parse(JSON.parse(file('evaluation.json').toString()));
  return {
    status,
    asked,
    events,
    record,
    samples: () => file('samples.csv').toString(),
    images: () => file('adversarial-images.npy'),
  };
}

describe('the evaluation of a checkpoint', { timeout: 30_000 }, () => {
  it('counts what the run itself has measured', async () => {
    const { record, events, samples, images, status } = await evaluate('whole', pgd);
    expect(status).toBe('completed');
    const { total, correct, robust } = record.counts!;
    expect(total).toBe(300);
    expect(record.limit).toBe(300);
    expect(robust / total).toBeCloseTo(trained['test/robust_accuracy/pgd20']!, 9);
    expect(robust).toBeLessThan(correct);
    expect(record.ended).toBeGreaterThanOrEqual(record.started!);

    const rows = samples()
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','));
    expect(rows).toHaveLength(300);
    expect(rows.filter(([, label, prediction]) => label === prediction)).toHaveLength(correct);
    expect(rows.filter(([, label, , after]) => label === after)).toHaveLength(robust);
    expect(rows.filter(([, , , , by]) => by === 'pgd20')).toHaveLength(correct - robust);
    expect(decodeNpy(images(), 'images').shape).toEqual([300, 8, 8, 1]);

    const metrics = events.filter((event) => event.event === 'metrics');
    const steps = metrics.map(({ step }) => step);
    // Also within a batch, and the end of each batch among them.
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(steps.length).toBeGreaterThan(40);
    expect(steps.filter((step) => step === 1000)).toHaveLength(1);
    const ends = [128e3, 256e3].map((passed) => Math.round(passed / correct));
    expect([steps[0], steps.at(-1)]).toEqual([0, 1000]);
    expect(steps).toEqual(expect.arrayContaining(ends));
    const values = { 'test/accuracy': correct / total, 'test/robust_accuracy/pgd20': robust / total };
    expect(metrics.at(-1)).toMatchObject({ values });
    // Of the part that was seen, scaled to all: never far from what comes out.
    const estimate = metrics.findLast(({ step }) => step === ends[0]);
    expect(estimate?.values['test/robust_accuracy/pgd20']).toBeCloseTo(robust / total, 0.7);
    expect(estimate?.about?.['test/robust_accuracy/pgd20']?.seen).toBe(Math.round((300 * 128) / correct));
  });

  it('goes on in the middle with the same result', async () => {
    const whole = await evaluate('reference', pgd);
    const first = await evaluate('parts', pgd, { stopAt: 60 });
    expect(first.status).toBe('stopped');
    expect(first.record).toMatchObject({ ended: null, counts: null });
    const second = await evaluate('parts', pgd);
    const [begin] = second.events;
    expect(begin).toMatchObject({ event: 'start', steps: 1000 });
    expect(begin?.['fromStep']).toBeGreaterThan(0);
    expect(begin?.['fromStep']).toBeLessThan(1000);
    expect(second.record.counts).toEqual(whole.record.counts);
    expect(second.samples()).toBe(whole.samples());
    expect(second.images().equals(whole.images())).toBe(true);
  });

  it.each([
    ['linf', 0.15],
    ['l2', 0.6],
  ])('goes on in the middle of a long search, with the same result, in %s', async (norm, epsilon) => {
    const square = { name: 'square', norm, epsilon, queries: 150 };
    const few = { limit: 30 };
    const whole = await evaluate(`search ${norm}`, square, few);
    const id = `parts of a search ${norm}`;
    const halfway = () => existsSync(join(place, 'evaluations', id, 'stopped.safetensors'));
    // Natural images and signs of masking ask 23 times, then there is one batch, whose queries ask once each.
    const first = await evaluate(id, square, { ...few, stopAt: 80 });
    expect([first.status, halfway()]).toEqual(['stopped', true]);
    const second = await evaluate(id, square, { ...few, stopAt: 40 });
    expect([second.status, halfway()]).toEqual(['stopped', true]);
    const third = await evaluate(id, square, few);
    expect(third.status).toBe('completed');
    expect(halfway()).toBe(false);
    const from = [second, third].map(({ events }) => Number(events[0]?.['fromStep']));
    expect(from[0]).toBeGreaterThan(300);
    expect(from[1]).toBeGreaterThan(from[0] ?? 0);
    expect(third.asked).toBeLessThan(80);
    expect(third.samples()).toBe(whole.samples());
    expect(third.images().equals(whole.images())).toBe(true);
    // Some fell, some did not: there was something to get wrong.
    const { robust, correct } = whole.record.counts!;
    expect(robust).toBeGreaterThan(0);
    expect(robust).toBeLessThan(correct);
  });

  it('warns of gradient masking also when it was stopped while it looked for signs', async () => {
    // Every output is the same, whatever the image.
    const of = withWeights(0);
    const warnings = ({ events }: Awaited<ReturnType<typeof evaluate>>) =>
      events.flatMap((event) => (event.event === 'log' ? [event.message] : []));
    // Three batches of natural images, then 22 calls that look for signs.
    const first = await evaluate('masked', pgd, { of, stopAt: 10 });
    expect(first.status).toBe('stopped');
    const second = await evaluate('masked', pgd, { of, stopAt: 30 });
    expect(second.status).toBe('stopped');
    const third = await evaluate('masked', pgd, { of });
    expect(third.status).toBe('completed');
    const sign = expect.stringMatching(/^64 of 64 images have a gradient of zero/) as string;
    expect([first, second, third].flatMap(warnings).filter((message) => message.includes('of zero'))).toEqual([sign]);
  });

  it('refuses to go on with another file under the same name', async () => {
    const of = join(place, 'checkpoints', 'best.safetensors');
    copyFileSync(checkpoint, of);
    const first = await evaluate('replaced', pgd, { of, stopAt: 60 });
    expect(first.record.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    copyFileSync(withWeights(0.5), of);
    const before = first.samples();
    await expect(evaluate('replaced', pgd, { of })).rejects.toThrow(
      /best\.safetensors was replaced since this evaluation was asked for\. Evaluate the checkpoint anew/,
    );
    expect(first.samples()).toBe(before);
    copyFileSync(checkpoint, of);
    const file = join(place, 'evaluations', 'replaced', 'evaluation.json');
    const record = readFileSync(file, 'utf8');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(record), fingerprint: undefined }));
    await expect(evaluate('replaced', pgd, { of })).rejects.toThrow(/was begun by an older version/);
    writeFileSync(file, record);
    expect((await evaluate('replaced', pgd, { of })).status).toBe('completed');
  });

  it('refuses to go on with rows that somebody has changed', async () => {
    await evaluate('changed', pgd, { stopAt: 60 });
    const file = join(place, 'evaluations', 'changed', 'samples.csv');
    writeFileSync(file, readFileSync(file, 'utf8').replace('\n3,', '\n4,'));
    await expect(evaluate('changed', pgd)).rejects.toThrow(/was changed. Delete it/);
  });

  it('normalises the pixels as its run did, which may be not at all', async () => {
    const { record } = await evaluate('plain', { name: 'none' });
    const images = { ...dataSet, normalization: { mean: [0.9], std: [0.2] } };
    const none = configSchema.parse({ ...config, data: { name: 'digits', normalization: 'none' } });
    const counts = async (id: string, given: typeof config) =>
      (await evaluate(id, { name: 'none' }, { given, images })).record.counts;
    expect(await counts('none', none)).toEqual(record.counts);
    expect(await counts('other', config)).not.toEqual(record.counts);
  });

  it('can do without an attack, and takes a limit beyond the set for none', async () => {
    const { record, events } = await evaluate('unattacked', { name: 'none' }, { limit: 1000 });
    expect(record).toMatchObject({ limit: null, counts: { total: 360 } });
    expect(record.counts?.robust).toBe(record.counts?.correct);
    expect(JSON.stringify(events)).not.toContain('robust_accuracy');
  });

  it('says when its steps are too short for the ball', async () => {
    const warnings = async (id: string, attack: object) =>
      (await evaluate(id, attack, { limit: 5 })).events.filter((event) => event.event === 'log');
    expect(await warnings('short', { ...pgd, stepSize: 0.001 })).toMatchObject([
      { level: 'warn', message: expect.stringMatching(/^20 steps of 0\.001 cannot cross a ball of ε 0\.1/) as string },
    ]);
    expect(await warnings('long', { ...pgd, stepSize: undefined })).toEqual([]);
  });

  it('refuses to count what a network with broken weights answers', async () => {
    await expect(evaluate('damaged', { name: 'none' }, { of: withWeights(NaN), limit: 130 })).rejects.toThrow(
      /: conv1\.weight has values that are not finite: .* Choose an earlier checkpoint\.$/,
    );
    await expect(evaluate('broken', { name: 'none' }, { of: withWeights(3e38, 'fc.'), limit: 130 })).rejects.toThrow(
      /^The network’s outputs are not finite for 130 of 130 images: .* Choose an earlier checkpoint\.$/,
    );
  });

  it('names a wrong option of an attack', async () => {
    await expect(evaluate('wrong', { name: 'pgd20', epsilon: -1 })).rejects.toThrow(/attack.epsilon/);
  });
});
