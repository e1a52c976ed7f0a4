import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SelectiveFile } from '../protocol/selective';
import { SelectiveCurves } from './selective';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'sat-selective-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const file = () => join(folder, 'selective.json');
const write = (epoch: number, risk: number[]) => {
  const curve = { score: 'abstention', aurc: 0.1, coverage: [0.25, 0.5, 1], risk, table: [] } as const;
  const content: SelectiveFile = {
    version: 1,
    epoch,
    samples: 4,
    curves: [{ ...curve, coverage: [...curve.coverage], table: [] }],
  };
  writeFileSync(file(), JSON.stringify(content));
};
const read = (curves: SelectiveCurves) =>
  [...curves.series].map(([metric, { steps, values }]) => [metric, [...steps], [...values]]);

describe('risk against coverage', () => {
  it('is read with the coverage in percent, and again when it has changed', async () => {
    const curves = new SelectiveCurves(file());
    await curves.refresh();
    expect(read(curves)).toEqual([]);
    write(1, [0, 0.5, 0.25]);
    await curves.refresh();
    expect(read(curves)).toEqual([['risk_against_coverage/abstention', [25, 50, 100], [0, 0.5, 0.25]]]);
    const before = curves.series;
    await curves.refresh();
    expect(curves.series).toBe(before);
    write(2, [0, 0, 0.125]);
    await curves.refresh();
    expect(read(curves)).toEqual([['risk_against_coverage/abstention', [25, 50, 100], [0, 0, 0.125]]]);
    rmSync(file());
    await curves.refresh();
    expect(read(curves)).toEqual([]);
  });

  it.each(['', '{"version": 1', '[]', '{"version":1,"epoch":1,"samples":1,"curves":[{"score":"x"}]}'])(
    'has no curves in a damaged file: %j',
    async (text) => {
      writeFileSync(file(), text);
      const curves = new SelectiveCurves(file());
      await curves.refresh();
      expect(read(curves)).toEqual([]);
    },
  );
});
