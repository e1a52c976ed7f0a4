import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { useWasm } from '../../src/trainer/testing';
import { casesIn } from './fixture';
import { failed, replayCase } from './replay';

const fixtures = join(__dirname, '..', '..', 'test', 'parity');

beforeAll(useWasm);

describe('the authors’ numbers', () => {
  it.each(casesIn(fixtures))('%s is replayed within every tolerance', async (name) => {
    const result = await replayCase(fixtures, name);
    expect(result.checks.length).toBeGreaterThan(5);
    expect(failed([result])).toEqual([]);
    expect(result.unsupported).toEqual([]);
  });

  it.each([
    ['momentum of the targets', 'sat', { alpha: 0.91 }],
    ['start of SAT', 'sat', { es: 3 }],
    ['weight decay', 'erm', { weight_decay: 0 }],
    ['momentum', 'erm', { momentum: 0.8 }],
    ['weight of the divergence', 'trades', { beta: 5.9 }],
    ['size of the attack’s steps', 'trades', { step_size: 0.0068 }],
    ['start of SAT in TRADES', 'trades_sat', { es: 2 }],
    ['ε of PGD-20', 'pgd20', { epsilon: 0.0305 }],
    ['number of Auto-PGD’s steps', 'autoattack', { n_iter: 19 }],
  ])('are missed with another %s', async (_what, name, change) => {
    const folder = mkdtempSync(join(tmpdir(), 'sat-parity-'));
    cpSync(fixtures, folder, { recursive: true });
    const file = join(folder, name, 'case.json');
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...change }));
    expect(failed([await replayCase(folder, name)])).not.toEqual([]);
    rmSync(folder, { recursive: true });
  });
});
