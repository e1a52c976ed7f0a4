import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors, type Tensor } from '../../formats/safetensors';
import { configSchema } from '../../protocol/config';
import { hostImages } from '../data/imageSource';
import { loadDataSet } from '../data/registry';
import type { DataSet } from '../data/types';
import { eager } from '../runtimes/program';
import { mediaFolder, useWasm } from '../testing';
import { train } from '../train';

let dataSet: DataSet;
const folders: string[] = [];

beforeAll(async () => {
  await useWasm();
  dataSet = await loadDataSet('digits', { mediaFolder });
});
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** Weights and momenta after two epochs with this method. */
async function trained(method: object): Promise<Map<string, Tensor>> {
  const folder = mkdtempSync(join(tmpdir(), 'sat-erm-'));
  folders.push(folder);
  const data = { name: 'digits', limit: 200, augment: true, noise: { type: 'corrupted_label', rate: 0.4 } };
  const config = configSchema.parse({ method, data, epochs: 2, batchSize: 64, evaluate: { every: 2 } });
  await train({
    folder,
    config,
    dataSet,
    runtime: { name: 'wasm', device: 'cpu', compile: eager, images: hostImages },
    events: { emit: () => undefined },
    stopRequested: () => false,
  });
  const file = join(folder, 'checkpoints', 'latest.safetensors');
  const { tensors } = decodeSafetensors(readFileSync(file), file);
  tensors.delete('soft_targets');
  return tensors;
}

describe('SAT that never starts', () => {
  it('is ERM, bit for bit, over whole epochs with augmentation and momentum', async () => {
    const erm = await trained({ name: 'erm' });
    expect(erm.size).toBeGreaterThan(20);
    expect(await trained({ name: 'sat', startEpoch: 2 })).toEqual(erm);
    expect(await trained({ name: 'sat', startEpoch: 1 })).not.toEqual(erm);
  });
});
