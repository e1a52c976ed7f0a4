import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingPython, runPython } from '../../../test/support/python';
import { decodeSafetensors, encodeSafetensors } from '../../formats/safetensors';
import { optimizerSchema, type OptimizerName } from '../../protocol/optimizers';
import { modelSchema, type ModelName } from '../../protocol/models';
import { sat } from '../methods/sat';
import { createModel } from '../models/registry';
import { oneHot } from '../ops/crossEntropy';
import { createOptimizer } from '../optimizers/registry';
import { Problem } from '../problem';
import { NumpyRandom } from '../random';
import { createTrainStep } from '../step';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { loadCheckpoint, saveCheckpoint, type Progress, type Trained } from './checkpoint';
import { CheckpointKeeper } from './keeper';

beforeAll(useWasm);

const folder = mkdtempSync(join(tmpdir(), 'sat-checkpoint-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const labels = Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7);
const images = () =>
  tf.tensor4d(
    Float32Array.from({ length: 8 * 64 }, (_, i) => ((i * 37) % 101) / 101),
    [8, 8, 8, 1],
  );
const context = { config: { epochs: 4 }, normalization: { mean: [0], std: [1] }, seed: 7, data: 'sha256:0' };
const progress: Progress = {
  step: 12,
  epoch: 3,
  running: { loss: 1 / 3, correct: 5, samples: 8 },
  best: 0.1 + 0.2,
  bestValidation: { validation: 0.7, test: 0.1 + 0.7 },
};

interface Made {
  model?: ModelName;
  optimizer?: OptimizerName;
  outputs?: number;
  seed?: number;
  steps?: number;
}

/** A model, an optimiser and a method; after two steps, so that every slot and statistic differs from its start. */
function make({ model: name = 'small-cnn', optimizer: how = 'sgd', outputs = 10, seed = 0, steps = 2 }: Made): Trained {
  const model = createModel(modelSchema.parse({ name }), { input: [8, 8, 1], outputs, random: new NumpyRandom(seed) });
  const targets = oneHot(labels, outputs);
  const method = sat({ name: 'sat', alpha: 0.9, startEpoch: 0 }, { targets });
  const optimizer = createOptimizer(optimizerSchema.parse({ name: how }), model.weights);
  const indices = tf.tensor1d(labels, 'int32');
  const trainStep = createTrainStep({ model, method, optimizer });
  for (let i = 0; i < steps; i += 1) {
    trainStep({ images: images(), targets, indices }, { epoch: 0, random: new NumpyRandom(0) }, 0.05);
  }
  return { model, method, optimizer };
}

async function save(name: string, trained: Trained): Promise<string> {
  const file = join(folder, `${name}.safetensors`);
  await saveCheckpoint(file, trained, progress, context);
  return file;
}

function read(file: string) {
  return decodeSafetensors(readFileSync(file), file);
}

describe('a checkpoint', () => {
  it.each(['sgd', 'adam'] as const)('gives back all that it was made from, with %s', async (optimizer) => {
    const file = await save(`whole-${optimizer}`, make({ optimizer }));
    const other = make({ optimizer, seed: 1, steps: 0 });
    expect(await loadCheckpoint(file, other, context.data)).toEqual(progress);
    expect(other.optimizer.steps).toBe(2);
    expect(read(await save(`again-${optimizer}`, other))).toEqual(read(file));
  });

  it('names weights, slots, soft targets and the place in the run, in PyTorch’s layouts', async () => {
    const { tensors, metadata } = read(await save('names', make({})));
    const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));
    expect(shapes).toMatchObject({
      'conv1.weight': [16, 1, 3, 3],
      'conv2.weight': [32, 16, 3, 3],
      'bn2.running_var': [32],
      'fc.weight': [10, 512],
      'fc.bias': [10],
      'optimizer/momentum/conv2.weight': [32, 16, 3, 3],
      'optimizer/momentum/fc.weight': [10, 512],
      soft_targets: [8, 10],
      'rng/position': [3],
    });
    expect(shapes).not.toHaveProperty(['optimizer/momentum/bn2.running_var']);
    expect(tensors.get('rng/position')?.data).toEqual(BigInt64Array.of(7n, 3n, 12n));
    expect(metadata).toMatchObject({ format: 'pt', step: '12', epoch: '3', config: '{"epochs":4}' });
  });

  it('puts the outputs of a convolution first', async () => {
    const trained = make({});
    const kernel = trained.model.weights.find(({ name }) => name === 'conv2.weight')?.variable.arraySync();
    const { data = [] } = read(await save('layout', trained)).tensors.get('conv2.weight') ?? {};
    const [o, i, h, w] = [21, 5, 2, 1];
    expect(data[((o * 16 + i) * 3 + h) * 3 + w]).toBe((kernel as number[][][][])[h]?.[w]?.[i]?.[o]);
  });
});

describe('a checkpoint that does not fit', () => {
  it.each<[string, Made, Made, RegExp]>([
    ['another model', { model: 'resnet20' }, {}, /has no tensor conv2\.weight: it belongs to another configuration/],
    ['other classes', { outputs: 9 }, {}, /fc\.weight has the shape \[9, 512\], which does not fit this model/],
    ['another optimiser', {}, { optimizer: 'adam' }, /has no tensor optimizer\/.*another configuration/],
  ])('%s is refused in words that name the file', async (what, saved, wanted, words) => {
    const file = await save(what.replaceAll(' ', '-'), make({ ...saved, steps: 0 }));
    const loading = loadCheckpoint(file, make({ ...wanted, steps: 0 }), context.data);
    await expect(loading).rejects.toThrow(Problem);
    await expect(loading).rejects.toThrow(words);
    await expect(loading).rejects.toThrow(file);
  });

  it('is refused when another program wrote it', async () => {
    const file = join(folder, 'foreign.safetensors');
    writeFileSync(file, encodeSafetensors(read(await save('own', make({ steps: 0 }))).tensors, { format: 'pt' }));
    await expect(loadCheckpoint(file, make({ steps: 0 }), context.data)).rejects.toThrow(
      /is not a checkpoint of SAT Lab/,
    );
  });

  it('is refused in words when its metadata are damaged', async () => {
    const file = await save('damaged', make({ steps: 0 }));
    const { tensors, metadata } = read(file);
    writeFileSync(file, encodeSafetensors(tensors, { ...metadata, running: '{' }));
    const loading = loadCheckpoint(file, make({ steps: 0 }), context.data);
    await expect(loading).rejects.toThrow(Problem);
    await expect(loading).rejects.toThrow(
      `${file} is not a checkpoint of SAT Lab, or damaged: running in its metadata`,
    );
  });

  it('is refused when it was trained on something else, unless it does not tell', async () => {
    const file = await save('other-data', make({ steps: 0 }));
    const load = () => loadCheckpoint(file, make({ steps: 0 }), 'sha256:1');
    await expect(load()).rejects.toThrow(`${file} comes from training on other data`);
    const { tensors, metadata } = read(file);
    const { data: _data, ...earlier } = metadata;
    writeFileSync(file, encodeSafetensors(tensors, earlier));
    await expect(load()).resolves.toEqual(progress);
  });

  it('is refused when half of it is missing', async () => {
    const file = await save('torn', make({ steps: 0 }));
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, bytes.length / 2));
    await expect(loadCheckpoint(file, make({ steps: 0 }), context.data)).rejects.toThrow(file);
  });
});

describe('the keeper', () => {
  it('counts the checkpoints of before a resume among those to keep, and lets latest follow', async () => {
    const [run, told] = [mkdtempSync(join(folder, 'run-')), [] as unknown[]];
    const keeper = () => new CheckpointKeeper(run, 2, context, { emit: (event) => void told.push(event) });
    const trained = make({ steps: 0 });
    const first = keeper();
    for (const epoch of [1, 2]) await first.saveEpoch(trained, { ...progress, step: epoch, epoch });
    await first.saveBest(trained, { ...progress, step: 1, epoch: 1 });
    const second = keeper();
    second.resume(['epoch-1', 'epoch-2']);
    await second.saveEpoch(trained, { ...progress, step: 3, epoch: 3 });
    await second.saveStop(trained, { ...progress, step: 4, epoch: 3 });
    const checkpoints = join(run, 'checkpoints');
    expect(readdirSync(checkpoints).sort()).toEqual([
      'best.safetensors',
      'epoch-2.safetensors',
      'epoch-3.safetensors',
      'latest.safetensors',
      'step-4.safetensors',
    ]);
    expect(read(join(checkpoints, 'latest.safetensors')).metadata).toMatchObject({ step: '4' });
    expect(read(join(checkpoints, 'best.safetensors')).metadata).toMatchObject({ step: '1' });
    expect(told).toHaveLength(5);
    expect(told.at(-1)).toEqual({ event: 'checkpoint', step: 4, epoch: 3, path: 'checkpoints/step-4.safetensors' });
  });
});

/** The small network by PyTorch's conventions (NCHW, OIHW), from the file alone. */
const forwardInPython = `
import json, sys
import numpy as np
from safetensors import safe_open
with safe_open(sys.argv[1], framework='numpy') as file:
    w = {name: file.get_tensor(name) for name in file.keys()}
    metadata = file.metadata()
x = (((np.arange(8 * 64) * 37) % 101) / 101).reshape(8, 1, 8, 8)
def block(x, i):
    kernel = w[f'conv{i}.weight'].astype(float)
    n, _, h, v = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = sum(np.einsum('nchw,oc->nohw', padded[:, :, a:a + h, b:b + v], kernel[:, :, a, b]) for a in range(3) for b in range(3))
    c = lambda name: w[f'bn{i}.{name}'].astype(float)[:, None, None]
    return np.maximum((y - c('running_mean')) / np.sqrt(c('running_var') + 1e-5) * c('weight') + c('bias'), 0)
x = block(block(x, 1), 2)
n, c, h, v = x.shape
x = block(x.reshape(n, c, h // 2, 2, v // 2, 2).max((3, 5)), 3)
logits = x.reshape(n, -1) @ w['fc.weight'].astype(float).T + w['fc.bias']
print(json.dumps({
    'logits': logits.tolist(),
    'shapes': {name: list(tensor.shape) for name, tensor in w.items()},
    'position': w['rng/position'].tolist(),
    'step': metadata['step'],
}))
`;

const missing = missingPython('numpy', 'safetensors');

describe.skipIf(missing !== undefined)(`a checkpoint in Python${missing ? ` (skipped: ${missing})` : ''}`, () => {
  it('opens, and gives the same logits by PyTorch’s conventions', async () => {
    const trained = make({});
    const seen = JSON.parse(runPython(forwardInPython, await save('python', trained))) as {
      logits: number[][];
      shapes: Record<string, number[]>;
      position: number[];
      step: string;
    };
    expect(seen.shapes['conv3.weight']).toEqual([32, 32, 3, 3]);
    expect(seen.position).toEqual([7, 3, 12]);
    expect(seen.step).toBe('12');
    const logits = [...trained.model.forward(images(), 'eval').dataSync()];
    expect(seen.logits.flat()).toHaveLength(80);
    seen.logits.flat().forEach((value, i) => expect(logits[i]).toBeCloseTo(value, 3));
    expect(Math.max(...logits) - Math.min(...logits)).toBeGreaterThan(0.1);
  });
});
