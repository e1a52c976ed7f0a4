import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../formats/safetensors';
import { evaluationAttackSchema, sampleColumns } from '../protocol/evaluation';
import { formatEvent } from '../protocol/events';
import { evaluationsBeside, prepareEvaluation, type Evaluation } from './evaluate';
import { contradictions, noteOf, warningsOf } from './warnings';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sat-warnings-'));
  mkdirSync(join(folder, 'checkpoints'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A file of epoch 10. */
function checkpoint(name: string): string {
  const file = join(folder, 'checkpoints', `${name}.safetensors`);
  const config = JSON.stringify({ data: { name: 'digits' } });
  writeFileSync(file, encodeSafetensors(new Map(), { step: '120', epoch: '10', config }));
  return file;
}

const total = 1000;
/** That the first images withstand. */
const first = (count: number) => (row: number) => row < count;

/** A complete evaluation of 1,000 images. @param robust which of them withstand the attack */
async function evaluated(
  attack: object,
  robust: (row: number) => boolean,
  { name = 'epoch-10', device = 'cpu' } = {},
): Promise<Evaluation> {
  const parsed = evaluationAttackSchema.parse(attack);
  const evaluation = await prepareEvaluation({ checkpoint: checkpoint(name), attack: parsed, limit: total });
  const rows = Array.from({ length: total }, (_, row) => [row, 1, 1, robust(row) ? 1 : 0, robust(row) ? '' : 'x', 1]);
  const file = (name: string) => join(evaluation.folder, name);
  writeFileSync(file('samples.csv'), [sampleColumns, ...rows, []].map((cells) => cells.join(',')).join('\n'));
  writeFileSync(file('events.ndjson'), formatEvent({ event: 'start', runtime: 'wasm', device }));
  const counts = { total, correct: total, robust: rows.filter(([, , , after]) => after === 1).length };
  writeFileSync(file('evaluation.json'), JSON.stringify({ ...evaluation.record, counts, started: 1, ended: 2 }));
  await evaluation.refresh();
  return evaluation;
}

const against = async (evaluation: Evaluation) =>
  contradictions(evaluation, await evaluationsBeside(evaluation.checkpoint));

describe('a result that others contradict', () => {
  it.each([
    ['pgd20', 'fgsm'],
    [{ name: 'pgd', steps: 100 }, 'pgd20'],
    ['apgd-ce', { name: 'pgd', steps: 100 }],
    ['apgd-t', 'apgd-dlr'],
    ['fab-t', 'fab'],
    ['autoattack', 'pgd20'],
    ['autoattack', 'square'],
    ['autoattack', 'fab-t'],
    ['autoattack', 'apgd-dlr'],
    ['autoattack', 'multi-targeted'],
    [{ name: 'autoattack', version: 'plus' }, 'autoattack'],
    [{ name: 'autoattack', version: '2020' }, 'apgd-dlr'],
    // Without gradients further than with them.
    ['pgd20', 'square'],
    ['apgd-ce', 'square'],
    [{ name: 'pgd20', epsilon: 0.05 }, 'pgd20'],
    [{ name: 'pgd20', restarts: 5 }, 'pgd20'],
  ])('is that of %o, when %o leaves fewer', async (strong, weak) => {
    const attack = (one: object | string) => (typeof one === 'string' ? { name: one } : one);
    const stronger = await evaluated(attack(strong), first(520));
    const weaker = await evaluated(attack(weak), first(500));
    const warning = [expect.stringMatching(/ leaves 52\.0 % and the weaker .* only 50\.0 % of the same checkpoint: /)];
    expect(await against(weaker)).toEqual(warning);
    expect(await against(stronger)).toEqual(warning);
  });

  it.each([
    ['fab-t', 'square'],
    ['fab-t', 'apgd-t'],
    [{ name: 'autoattack', version: '2020' }, 'autoattack'],
    [
      { name: 'autoattack', version: 'plus' },
      { name: 'autoattack', version: '2020-plus' },
    ],
    // More gradients may come further.
    ['apgd-ce', { name: 'pgd', steps: 1000 }],
    ['autoattack', { name: 'pgd20', norm: 'l2' }],
    ['pgd20', 'newer'],
  ])('is not that of %o, whatever %o leaves', async (one, other) => {
    const attack = (given: object | string) => (typeof given === 'string' ? { name: given } : given);
    const isKnown = other !== 'newer';
    const a = await evaluated(attack(one), first(520));
    const b = await evaluated(isKnown ? attack(other) : { name: 'fgsm' }, first(500));
    if (!isKnown && b.record) b.record.attack = { name: 'newer' };
    expect(contradictions(a, [b])).toEqual([]);
    expect(contradictions(b, [a])).toEqual([]);
  });

  it('is named by what tells the two apart', async () => {
    const pgd = await evaluated({ name: 'pgd20' }, first(500));
    await evaluated({ name: 'autoattack', version: 'plus' }, first(520));
    await evaluated({ name: 'pgd20', epsilon: 0.02 }, first(480));
    expect(await against(pgd)).toEqual([
      expect.stringMatching(/^AutoAttack plus leaves 52\.0 % and the weaker PGD-20 only 50\.0 %/),
      expect.stringMatching(
        /^PGD-20 with ε 0\.031 and 20 steps leaves 50\.0 % .* with ε 0\.02 and 20 steps only 48\.0 %/,
      ),
    ]);
  });

  it('differs by more than chance, on the same images', async () => {
    const weak = await evaluated({ name: 'fgsm' }, first(500));
    // The same difference of 20 is no sign where 180 images differ, and one where 20 do.
    const scattered = await evaluated({ name: 'pgd20' }, (row) => row >= 80 && row < 600);
    expect(scattered.record?.counts?.robust).toBe(520);
    expect(contradictions(weak, [scattered])).toEqual([]);
    const few = (more: number) => evaluated({ name: 'pgd20', seed: more }, first(500 + more));
    expect(contradictions(weak, [await few(7)])).toEqual([]);
    expect(contradictions(weak, [await few(8)])).toHaveLength(1);
  });

  it('may not differ at all from what it contains', async () => {
    const apgd = await evaluated({ name: 'apgd-ce' }, first(500));
    const standard = await evaluated({ name: 'autoattack' }, first(501));
    expect(contradictions(apgd, [standard])).toHaveLength(1);
    // A GPU adds up in another order each time.
    const gpu = { name: 'best', device: 'CUDA:0' };
    expect(contradictions(apgd, [await evaluated({ name: 'autoattack' }, first(501), gpu)])).toEqual([]);
    const others = [{ steps: 50 }, { seed: 1 }, { restarts: 5 }, { eotSteps: 2 }];
    for (const options of others) {
      const other = await evaluated({ name: 'apgd-ce', ...options }, first(500));
      expect(contradictions(other, [standard])).toEqual([]);
    }
    const [july, plus] = ['2020', 'plus'].map((version) => ({ name: 'autoattack', version }));
    expect(contradictions(await evaluated(july!, first(500)), [await evaluated(plus!, first(501))])).toHaveLength(1);
    expect(contradictions(standard, [await evaluated(plus!, first(502))])).toEqual([]);
  });

  it('may be of another name for the same file', async () => {
    const pgd = await evaluated({ name: 'pgd20' }, first(500), { name: 'best' });
    await evaluated({ name: 'autoattack' }, first(520));
    expect(await against(pgd)).toHaveLength(1);
  });
});

describe('warnings', () => {
  it('say once that the steps were too short for the ball', async () => {
    const weak = await evaluated({ name: 'pgd20', epsilon: 0.3, stepSize: 0.003 }, first(500));
    const warning = expect.stringMatching(/^20 steps of 0\.003 cannot cross a ball of ε 0\.3: /) as string;
    expect(warningsOf(weak, [])).toEqual([warning]);
    const [message = ''] = warningsOf(weak, []);
    writeFileSync(
      join(weak.folder, 'events.ndjson'),
      [1, 2].map(() => formatEvent({ event: 'log', level: 'warn', message })).join(''),
    );
    await weak.refresh();
    expect(warningsOf(weak, [])).toEqual([message]);
    expect(warningsOf(await evaluated({ name: 'pgd20', epsilon: 0.3 }, first(500)), [])).toEqual([]);
  });
});

describe('AutoAttack for networks that draw random numbers', () => {
  it('is told to leave out most of it', async () => {
    const rand = await evaluated({ name: 'autoattack', version: 'rand' }, first(500));
    expect(warningsOf(rand, [])).toEqual([expect.stringContaining('take version standard')]);
    expect(warningsOf(await evaluated({ name: 'autoattack' }, first(500)), [])).toEqual([]);
  });
});

describe('a note', () => {
  it('asks for AutoAttack beside PGD, in the same ball', async () => {
    const pgd = await evaluated({ name: 'pgd', steps: 100 }, first(500));
    const note = 'PGD-100 alone overestimates robustness: report AutoAttack beside it.';
    const auto = await evaluated({ name: 'autoattack', epsilon: 0.1 }, first(300));
    expect(noteOf(pgd, [auto])).toBe(note);
    // Neither does a part of it, or one on fewer images.
    const part = await evaluated({ name: 'autoattack', version: 'rand' }, first(450));
    expect(noteOf(pgd, [auto, part])).toBe(note);
    const beside = await evaluated({ name: 'autoattack' }, first(450));
    expect(noteOf(pgd, [auto, beside])).toBeUndefined();
    if (beside.record?.counts) beside.record.counts.total = 50;
    expect(noteOf(pgd, [auto, beside])).toBe(note);
    expect(noteOf(await evaluated({ name: 'apgd-ce' }, first(500)), [])).toBeUndefined();
    expect(noteOf(await evaluated({ name: 'none' }, first(1000)), [])).toBeUndefined();
  });
});
