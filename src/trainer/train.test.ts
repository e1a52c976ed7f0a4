import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeNpy } from '../formats/npy';
import { decodeSafetensors } from '../formats/safetensors';
import { configSchema } from '../protocol/config';
import { evaluatedMetrics } from '../protocol/evaluatedMetrics';
import type { RunEvent } from '../protocol/events';
import { methodTitles } from '../protocol/methods';
import { selectiveFileSchema } from '../protocol/selective';
import { dataFingerprint } from './dataFingerprint';
import { hostImages } from './data/imageSource';
import { loadDataSet } from './data/registry';
import type { DataSet } from './data/types';
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

const satConfig = {
  method: { name: 'sat', startEpoch: 1 },
  data: { name: 'digits', limit: 300, augment: true, noise: { type: 'corrupted_label', rate: 0.4 } },
  epochs: 3,
  batchSize: 64,
  metrics: { every: 4 },
  checkpoint: { every: 1, keep: 2 },
} as const;
/** Optimiser steps of an epoch of 300 samples in batches of 64. */
const stepsPerEpoch = 5;

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sat-train-'));
  folders.push(folder);
  return folder;
}

/** Trains into a folder. @param stopAt the step after which a stop is asked for */
async function run(folder: string, config: object, { stopAt = Infinity, resumeFrom = '', images = dataSet } = {}) {
  const events: RunEvent[] = [];
  let asked = 0;
  const first = resumeFrom === '' ? 0 : Number(/step-(\d+)/.exec(resumeFrom)?.[1]);
  const status = await train({
    folder,
    config: configSchema.parse(config),
    dataSet: images,
    runtime: { name: 'wasm', device: 'cpu', compile: eager, images: hostImages },
    events: { emit: (event) => events.push(structuredClone(event)) },
    // Asked once before every step.
    stopRequested: () => first + asked++ >= stopAt,
    ...(resumeFrom === '' ? {} : { resumeFrom }),
  });
  return { status, events };
}

/** What must be the same: every metric but the speed, and no times. */
function metricsOf(events: readonly RunEvent[]) {
  return events
    .filter((event) => event.event === 'metrics')
    .map(({ step, epoch, values: { images_per_second: _speed, ...values } }) => ({ step, epoch, values }));
}

function tensorsOf(folder: string, name = 'latest') {
  const file = join(folder, 'checkpoints', `${name}.safetensors`);
  return decodeSafetensors(readFileSync(file), file).tensors;
}

describe('a network whose outputs are no longer finite', () => {
  it('is not evaluated, also when the loss still was', async () => {
    // One step, whose loss is that of the initial weights.
    const config = {
      method: { name: 'erm' },
      data: { name: 'digits', limit: 100 },
      epochs: 1,
      optimizer: { name: 'sgd', learningRate: 1e30 },
    };
    await expect(run(newFolder(), config)).rejects.toThrow(
      /^The network’s outputs are not finite for 360 of 360 test images after epoch 1\. Lower the learning rate/,
    );
  });
});

describe('the normalisation', () => {
  it('is part of the network and of its checkpoint, and can be left out', async () => {
    const images = { ...dataSet, normalization: { mean: [0.9], std: [0.2] } };
    const short = { data: { name: 'digits', limit: 100 }, epochs: 1 };
    const none = { ...short, data: { ...short.data, normalization: 'none' } };
    const [plain, without, usual] = [newFolder(), newFolder(), newFolder()];
    const { events } = await run(plain, short);
    expect(metricsOf((await run(without, none, { images })).events)).toEqual(metricsOf(events));
    expect(metricsOf((await run(usual, short, { images })).events)).not.toEqual(metricsOf(events));
    const said = (folder: string) => {
      const file = join(folder, 'checkpoints', 'latest.safetensors');
      return decodeSafetensors(readFileSync(file), file).metadata['normalization'];
    };
    expect([without, usual].map(said)).toEqual(['{"mean":[0],"std":[1]}', '{"mean":[0.9],"std":[0.2]}']);
  });
});

describe('a run that is stopped and resumed', () => {
  const adam = { ...satConfig, optimizer: { name: 'adam' } };
  const validated = { ...satConfig, data: { ...satConfig.data, validation: 0.1 } };
  const coTeaching = { ...adam, method: { name: 'co_teaching', gradualEpochs: 2 } };
  const by = <M extends { name: string }>(method: M) => ({ ...satConfig, epochs: 2, method });
  it.each([
    ['in the middle of an epoch', satConfig, 3],
    ['between two reports of the running loss', satConfig, 6],
    ['at the end of an epoch', satConfig, stepsPerEpoch],
    ['before its last step', satConfig, 3 * stepsPerEpoch - 1],
    ['with Adam', adam, 7],
    ['with two networks', coTeaching, 7],
    ['with the best of some validations', validated, 2 * stepsPerEpoch],
    ['with targets that begin at zero', by({ name: 'elr' }), 7],
    ['with mixtures', by({ name: 'mixup' }), 7],
    ['with symmetric cross-entropy', by({ ...satConfig.method, name: 'sat_sce' }), 7],
    ['with targets after pretraining', by({ name: 'selective_sat', pretrainEpochs: 1 }), 7],
  ])('%s gives the same metrics and weights, bit for bit, as one that never stopped', async (_when, config, stopAt) => {
    const [whole, parts] = [newFolder(), newFolder()];
    const expected = await run(whole, config);
    const first = await run(parts, config, { stopAt });
    expect(first.status).toBe('stopped');
    const resumeFrom = join(parts, 'checkpoints', `step-${stopAt}.safetensors`);
    const second = await run(parts, config, { resumeFrom });
    expect(second.status).toBe('completed');
    expect(second.events[0]).toMatchObject({ event: 'start', fromStep: stopAt });
    expect([...metricsOf(first.events), ...metricsOf(second.events)]).toEqual(metricsOf(expected.events));
    expect(tensorsOf(parts)).toEqual(tensorsOf(whole));
    expect(tensorsOf(parts, 'best')).toEqual(tensorsOf(whole, 'best'));
    if (['sat', 'sat_sce', 'elr', 'selective_sat'].includes(config.method.name)) {
      const softLabels = (folder: string) => readFileSync(join(folder, 'soft-labels.npy'));
      expect(softLabels(parts).equals(softLabels(whole))).toBe(true);
    }
  });
});

describe('a run', () => {
  it('keeps the newest checkpoints, the best and the latest, and writes its noise', async () => {
    const folder = newFolder();
    const { events } = await run(folder, satConfig);
    expect(readdirSync(join(folder, 'checkpoints')).sort()).toEqual([
      'best.safetensors',
      'epoch-2.safetensors',
      'epoch-3.safetensors',
      'latest.safetensors',
    ]);
    const noise = JSON.parse(readFileSync(join(folder, 'noise.json'), 'utf8')) as { count: number; indices: number[] };
    expect(noise.count).toBe(517);
    expect(noise.indices).toHaveLength(517);
    expect(events[0]).toMatchObject({ event: 'start', steps: 15, epochs: 3, data: dataFingerprint(dataSet) });
  });

  it('tells of its label noise, and saves what came out', async () => {
    const folder = newFolder();
    const data = { ...satConfig.data, noise: { type: 'pair_flip', rate: 0.4 } };
    const { events } = await run(folder, { ...satConfig, data, epochs: 1 });
    expect(events[1]).toEqual({
      event: 'log',
      level: 'info',
      message:
        'Noise pair_flip: 574 of 1,437 training labels (39.9 %) are wrong. The transition matrix is in noise.json.',
    });
    const record: unknown = JSON.parse(readFileSync(join(folder, 'noise.json'), 'utf8'));
    expect(record).toMatchObject({ type: 'pair_flip', seed: 0, count: 574, trueErrorRate: 574 / 1437 });
    expect(record).toHaveProperty('transitionMatrix.9.0');
  });

  it('trains on noisy images, is judged by clean ones, and saves the noisy ones', async () => {
    const folder = newFolder();
    const noise = { type: 'shuffled_pixels', rate: 1 };
    const config = { ...satConfig, method: { name: 'erm' }, data: { ...satConfig.data, augment: false, noise } };
    const { events } = await run(folder, config);
    const values = metricsOf(events).at(-1)?.values ?? {};
    // Digits with permuted pixels are learned, and look like nothing that the model knows without the permutation.
    expect(values['train_eval/accuracy']).toBeGreaterThan(0.5);
    expect(values['train_eval/clean_accuracy']).toBeLessThan(0.4);
    const file = join(folder, 'noise-images.npy');
    expect(decodeNpy(readFileSync(file), file).shape).toEqual([1437, 8, 8, 1]);
  });

  it.each([
    [9.9, 0],
    [10, 1],
  ])('warns of a pay-off with which abstaining is no better than a guess: %d on 10 classes', async (reward, count) => {
    const method = { name: 'deep_gamblers', reward };
    const { events } = await run(newFolder(), { ...satConfig, method, epochs: 1 });
    const warnings = events.filter((event) => event.event === 'log' && event.level === 'warn');
    expect(warnings).toHaveLength(count);
    for (const warning of warnings)
      expect(warning).toHaveProperty('message', expect.stringMatching(/^method\.reward: .* 10 classes/));
  });

  it.each([
    [{ name: 'sat', startEpoch: 1 }, /^sat begins after 1 epochs, .* Set method\.startEpoch lower/],
    [{ name: 'selective_sat', pretrainEpochs: 5 }, /^selective_sat begins after 5 epochs, .*pretrainEpochs lower/],
  ])('warns when its method never begins, and waits for its metrics: %o', async (method, words) => {
    const config = { ...satConfig, method, epochs: 1, checkpoint: { best: 'sat/label_recovery' } };
    const { events } = await run(newFolder(), config);
    const warnings = events.filter((event) => event.event === 'log' && event.level === 'warn');
    expect(warnings).toMatchObject([{ message: expect.stringMatching(words) as string }]);
    expect((await run(newFolder(), { ...config, epochs: 6 })).events).not.toContainEqual(warnings[0]);
  });

  it('differs with its seed', async () => {
    const [a, b] = [await run(newFolder(), satConfig), await run(newFolder(), { ...satConfig, seed: 1 })];
    expect(metricsOf(a.events)).not.toEqual(metricsOf(b.events));
  });

  it('leaves the training set’s end for validation', async () => {
    const data = { ...satConfig.data, validation: 0.1 };
    const { events } = await run(newFolder(), { ...satConfig, data, epochs: 1 });
    expect(metricsOf(events).at(-1)?.values).toHaveProperty(['val/clean_accuracy']);
  });

  it('tells the test accuracy of the epoch that is best by its noisy validation labels', async () => {
    const data = { ...satConfig.data, validation: 0.1 };
    // A rate that lets the accuracies jump from epoch to epoch, so that the best epoch is not simply the last.
    const config = {
      ...satConfig,
      data,
      method: { name: 'erm' },
      epochs: 8,
      optimizer: { name: 'sgd', learningRate: 1 },
    };
    const { events } = await run(newFolder(), config);
    const evaluations = metricsOf(events)
      .map(({ values }) => values)
      .filter((values) => 'val/accuracy' in values);
    const column = (name: string) => evaluations.map((values) => values[name] ?? NaN);
    const [validation, test] = [column('val/accuracy'), column('test/accuracy')];
    const expected = validation.map((_, i) => test[validation.indexOf(Math.max(...validation.slice(0, i + 1)))]);
    expect(column('test/accuracy_at_best_val')).toEqual(expected);
    expect(expected).not.toEqual(test);
  });

  it.each([
    ['erm', ['softmax_response']],
    ['selective_sat', ['abstention', 'softmax_response']],
  ])('of %s writes risk against coverage by %j, and reports the first', async (name, scores) => {
    const folder = newFolder();
    const evaluate = { selective: true };
    const { events } = await run(folder, { ...satConfig, method: { name }, epochs: 1, evaluate });
    const values = metricsOf(events).at(-1)?.values ?? {};
    const file = selectiveFileSchema.parse(JSON.parse(readFileSync(join(folder, 'selective.json'), 'utf8')));
    expect(file).toMatchObject({ version: 1, epoch: 1, samples: 360 });
    expect(file.curves.map(({ score }) => score)).toEqual(scores);
    for (const { risk, coverage } of file.curves) {
      expect(coverage).toHaveLength(360);
      expect(risk.at(-1)).toBeCloseTo(1 - (values['test/accuracy'] ?? NaN), 12);
    }
    const [own] = file.curves;
    expect(values['selective/aurc']).toBe(own?.aurc);
    // 324 of 360.
    expect(values['selective/risk@90']).toBe(own?.risk[323]);
  });

  it('tells nothing of soft targets and of abstention before they are learned', async () => {
    const folder = newFolder();
    const method = { name: 'selective_sat', pretrainEpochs: 1 };
    const file = () => {
      const content: unknown = JSON.parse(readFileSync(join(folder, 'selective.json'), 'utf8'));
      return selectiveFileSchema.parse(content).curves.map(({ score }) => score);
    };
    const config = { ...satConfig, method, epochs: 2, checkpoint: { every: 1, best: 'selective/aurc' } };
    const { events } = await run(folder, config, { stopAt: stepsPerEpoch });
    const before = metricsOf(events).at(-1)?.values ?? {};
    expect(file()).toEqual(['softmax_response']);
    expect(before).toHaveProperty(['selective/aurc']);
    expect(before).not.toHaveProperty(['sat/label_recovery']);
    const resumeFrom = join(folder, 'checkpoints', `step-${stepsPerEpoch}.safetensors`);
    const after = metricsOf((await run(folder, config, { resumeFrom })).events).at(-1)?.values ?? {};
    expect(file()).toEqual(['abstention', 'softmax_response']);
    expect(after['sat/label_recovery']).toBeGreaterThan(0.1);
    expect(after['sat/target_entropy']).toBeGreaterThan(0);
  });

  it('adapts α and E_s to the width of the network, and says so', async () => {
    const model = { name: 'resnet18', width: 4 };
    const method = { name: 'sat', alpha: 0.2, startEpoch: 0 };
    const config = { ...satConfig, data: { ...satConfig.data, limit: 64 }, model, epochs: 2 };
    const adapted = await run(newFolder(), { ...config, method });
    const message = 'Adapted to the width of the network: α 0.904, E_s 0.';
    expect(adapted.events).toContainEqual({ event: 'log', level: 'info', message });
    const stated = { ...method, alpha: 0.2 ** (4 / 64), adaptToWidth: false };
    expect(metricsOf((await run(newFolder(), { ...config, method: stated })).events)).toEqual(
      metricsOf(adapted.events),
    );
  });

  it('says nothing of selective classification unless asked', async () => {
    const folder = newFolder();
    const { events } = await run(folder, { ...satConfig, method: { name: 'erm' }, epochs: 1 });
    expect(metricsOf(events).at(-1)?.values).not.toHaveProperty(['selective/aurc']);
    expect(existsSync(join(folder, 'selective.json'))).toBe(false);
  });

  it('refuses up front a last batch of one image, where batch normalisation would see one value a channel', async () => {
    const data = { ...satConfig.data, limit: 65 };
    const folder = newFolder();
    await expect(run(folder, { ...satConfig, data, model: { name: 'resnet18', width: 2 } })).rejects.toThrow(
      /^batchSize: a batch of one image leaves layer4\.0\.bn1 .* Change batchSize or data\.limit/,
    );
    expect(existsSync(join(folder, 'checkpoints'))).toBe(false);
    // This one normalises over 16 positions or more.
    await run(folder, { ...satConfig, data, epochs: 1 });
    const statistics = [...tensorsOf(folder)].filter(([name]) => name.includes('running_var'));
    expect(statistics).toHaveLength(3);
    for (const [, { data: values }] of statistics) expect([...values].every(Number.isFinite)).toBe(true);
  });

  it('fails with the step in its message when the loss is no number', async () => {
    const config = { ...satConfig, optimizer: { name: 'sgd', learningRate: 1e30 } };
    await expect(run(newFolder(), config)).rejects.toThrow(/loss is .* at step \d+/i);
  });

  it.each(Object.keys(methodTitles))(
    'of %s evaluates the metrics that the configuration tells beforehand',
    async (name) => {
      const attacks = [{ name: 'fgsm', limit: 10 }];
      const validated = { ...satConfig.data, limit: 64, validation: 0.1 };
      for (const [data, evaluate] of [
        [{ ...validated, validation: 0 }, {}],
        [validated, { selective: true, attacks }],
      ] as const) {
        const config = { ...satConfig, method: { name }, data, evaluate, epochs: 1 };
        const told = metricsOf((await run(newFolder(), config)).events).at(-1)?.values ?? {};
        expect(Object.keys(told).sort()).toEqual(evaluatedMetrics(configSchema.parse(config)).sort());
      }
    },
  );

  it('names the metrics there are when the best checkpoint asks for another', async () => {
    const folder = newFolder();
    await expect(run(folder, { ...satConfig, checkpoint: { best: 'test/acuracy' } })).rejects.toThrow(
      /no metric test\/acuracy.*test\/accuracy/,
    );
    expect(existsSync(join(folder, 'checkpoints', 'best.safetensors'))).toBe(false);
  });
});
