import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../formats/safetensors';
import { configSchema } from '../protocol/config';
import type { RunEvent } from '../protocol/events';
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
    runtime: { name: 'wasm', device: 'cpu', compile: eager },
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
        'test/robust_accuracy/pgd20': { images: 150, epsilon: 0.1, norm: 'linf' },
        'test/robust_accuracy/fgsm': { images: 20, epsilon: 0.031, norm: 'linf' },
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
