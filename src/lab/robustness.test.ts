import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../formats/safetensors';
import { formatEvent } from '../protocol/events';
import { evaluationAttackSchema } from '../protocol/evaluation';
import { prepareEvaluation, restoreEvaluation, trashEvaluation, type Evaluation } from './evaluate';
import {
  attackSettings,
  attackTitle,
  resultWords,
  robustAgainst,
  robustByCheckpoint,
  strongestFirst,
  titlesApart,
} from './robustness';
import { Run } from './run';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sat-robustness-'));
  mkdirSync(join(folder, 'checkpoints'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const attackOf = (options: object) => evaluationAttackSchema.parse(options);

/** An evaluation of epoch-N, at step 12 N; complete when it has counts. */
async function evaluated(
  epoch: number,
  attack: object,
  counts?: { total: number; correct: number; robust: number },
): Promise<Evaluation> {
  const file = join(folder, 'checkpoints', `epoch-${epoch}.safetensors`);
  const config = JSON.stringify({ data: { name: 'digits' } });
  writeFileSync(file, encodeSafetensors(new Map(), { step: String(12 * epoch), epoch: String(epoch), config }));
  const limit = counts?.total ?? 1000;
  const evaluation = await prepareEvaluation({ checkpoint: file, attack: attackOf(attack), limit });
  if (counts) {
    writeFileSync(
      join(evaluation.folder, 'evaluation.json'),
      JSON.stringify({ ...evaluation.record, counts, started: 1, ended: 2 }),
    );
    await evaluation.refresh();
  }
  return evaluation;
}

const curves = (series: ReturnType<typeof robustByCheckpoint>) =>
  Object.fromEntries([...series].map(([name, { steps, values }]) => [name, [[...steps], [...values]]]));

describe('evaluations in words', () => {
  it('name the attack, the ball, and what is not as usual', () => {
    const words = (options: object) => [attackTitle(attackOf(options)), attackSettings(attackOf(options))];
    expect(words({ name: 'pgd20' })).toEqual(['PGD-20', 'L∞ ε 0.031']);
    expect(words({ name: 'pgd', steps: 7, epsilon: 8 / 255 })).toEqual(['PGD-7', 'L∞ ε 0.0314, step size 0.0112']);
    expect(words({ name: 'pgd20', epsilon: 0.1 })[1]).toBe('L∞ ε 0.1, step size 0.0125');
    expect(words({ name: 'apgd-ce', norm: 'l2', epsilon: 0.5, steps: 50, eotSteps: 2 })).toEqual([
      'APGD-CE',
      'L2 ε 0.5, 50 steps, eot steps 2',
    ]);
    const written = { name: 'pgd20', restarts: 2, norm: 'l2', stepSize: 0.1, steps: 10, epsilon: 1 };
    expect(attackSettings(written)).toBe(attackSettings(attackOf(written)));
    expect(attackSettings(written)).toBe('L2 ε 1, 10 steps, restarts 2, step size 0.1');
    expect(words({ name: 'autoattack', version: 'plus' })).toEqual(['AutoAttack plus', 'L∞ ε 0.031']);
    expect(words({ name: 'none' })).toEqual(['natural', '']);
    expect([attackTitle({ name: 'newer' }), attackSettings({ name: 'newer', epsilon: 0.1 })]).toEqual([
      'newer',
      'L∞ ε 0.1',
    ]);
  });

  it('tell attacks in one row apart, with no more words than that takes', () => {
    const titles = (...attacks: object[]) => titlesApart(attacks.map(attackOf));
    const pgd20 = { name: 'pgd20', epsilon: 0.1 };
    expect(titles(pgd20, { name: 'autoattack' })).toEqual(['PGD-20', 'AutoAttack']);
    expect(titles({ name: 'autoattack', version: 'rand' }, { name: 'autoattack' })).toEqual([
      'AutoAttack rand',
      'AutoAttack',
    ]);
    expect(titles(pgd20, { ...pgd20, epsilon: 0.031 }, { ...pgd20, norm: 'l2' })).toEqual([
      'PGD-20 ε 0.1',
      'PGD-20 ε 0.031',
      'PGD-20 L2 ε 0.1',
    ]);
    expect(titles(pgd20, { ...pgd20, steps: 100 })).toEqual([
      'PGD-20, L∞ ε 0.1, step size 0.0125',
      'PGD-20, L∞ ε 0.1, 100 steps',
    ]);
    // Of other images, which the results say.
    expect(titles(pgd20, pgd20)).toEqual(['PGD-20', 'PGD-20']);
  });

  it('give the share, its interval, and of how many', async () => {
    // Wilson: 412 of 1000 lies between 38.2 % and 44.3 %.
    expect(resultWords(await evaluated(10, { name: 'pgd20' }, { total: 1000, correct: 800, robust: 412 }))).toBe(
      '41.2 % ± 3.0 of 1,000',
    );
    // Wilson: none of 200 lies between 0 and 1.9 %, all of them between 98.1 % and 100 %.
    const few = async (robust: number) =>
      resultWords(await evaluated(10, { name: 'pgd20' }, { total: 200, correct: 200, robust }));
    expect(await few(0)).toBe('0.0 % (0.0–1.9) of 200');
    expect(await few(200)).toBe('100.0 % (98.1–100.0) of 200');
    expect(await few(100)).toBe('50.0 % ± 6.9 of 200');
    expect(resultWords(await evaluated(10, { name: 'fgsm' }))).toBe('');
  });

  it('stand with the strongest attack first, then the largest ε', async () => {
    const counts = { total: 100, correct: 80, robust: 40 };
    const all = [
      await evaluated(10, { name: 'none' }, counts),
      await evaluated(10, { name: 'pgd20', epsilon: 0.1 }, counts),
      await evaluated(10, { name: 'pgd20' }, counts),
      await evaluated(10, { name: 'autoattack', version: 'plus' }, counts),
      await evaluated(10, { name: 'autoattack', epsilon: 0.1 }, counts),
      await evaluated(10, { name: 'apgd-t' }, counts),
    ];
    expect(strongestFirst(all).map(({ record }) => [record?.attack.name, record?.attack['epsilon']])).toEqual([
      ['autoattack', 0.031],
      ['autoattack', 0.1],
      ['apgd-t', 0.031],
      ['pgd20', 0.1],
      ['pgd20', 0.031],
      ['none', undefined],
    ]);
  });
});

describe('evaluations as curves', () => {
  it('share one only when attack, options and images are the same', async () => {
    const of = (robust: number, total = 100) => ({ total, correct: total, robust });
    const all = [
      await evaluated(20, { name: 'pgd20' }, of(42)),
      await evaluated(10, { name: 'pgd20' }, of(40)),
      await evaluated(10, { name: 'pgd20' }, of(460, 1000)),
      await evaluated(40, { name: 'pgd20', epsilon: 0.1 }, of(9)),
      await evaluated(10, { name: 'none' }, of(100)),
      await evaluated(30, { name: 'pgd20' }),
    ];
    expect(curves(robustByCheckpoint(all))).toEqual({
      'test/robust_accuracy/pgd20 · L∞ ε 0.031, 100 images': [
        [120, 240],
        [0.4, 0.42],
      ],
      'test/robust_accuracy/pgd20 · L∞ ε 0.031, 1,000 images': [[120], [0.46]],
      'test/robust_accuracy/pgd20 · L∞ ε 0.1, step size 0.0125, 100 images': [[480], [0.09]],
    });
  });

  it('leave out what was measured on one checkpoint alone, to be seen against ε', async () => {
    const counts = { total: 100, correct: 80, robust: 40 };
    const all = [
      await evaluated(10, { name: 'pgd20' }, counts),
      await evaluated(20, { name: 'pgd20' }, counts),
      await evaluated(20, { name: 'pgd20', epsilon: 0.1 }, counts),
      await evaluated(20, { name: 'fgsm', epsilon: 0.1 }, counts),
    ];
    expect([...robustByCheckpoint(all).keys()]).toEqual([
      'test/robust_accuracy/pgd20 · L∞ ε 0.031, 100 images',
      'test/robust_accuracy/fgsm · L∞ ε 0.1, 100 images',
    ]);
  });

  it('go over ε, from the natural accuracy, and over steps, where nothing else differs', async () => {
    const of = (robust: number) => ({ total: 100, correct: 80, robust });
    const all = [
      await evaluated(10, { name: 'pgd20', epsilon: 0.2 }, of(10)),
      // Its step is the authors', those of the others grow with ε.
      await evaluated(10, { name: 'pgd20', epsilon: 0.02 }, of(50)),
      await evaluated(10, { name: 'pgd20', epsilon: 0.1 }, of(30)),
      await evaluated(10, { name: 'pgd20', epsilon: 0.1, steps: 50 }, of(29)),
      await evaluated(20, { name: 'pgd20', epsilon: 0.3 }, of(5)),
    ];
    expect(curves(robustAgainst(all))).toEqual({
      'robust_accuracy_against_epsilon/pgd20 · epoch-10, L∞, 100 images': [
        [0, 0.02, 0.1, 0.2],
        [0.8, 0.5, 0.3, 0.1],
      ],
      'robust_accuracy_against_steps/pgd20 · epoch-10, L∞ ε 0.1, 100 images': [
        [20, 50],
        [0.3, 0.29],
      ],
    });
  });
});

describe('a run', () => {
  const metric = 'test/robust_accuracy/pgd20';
  /** Tells of one robust accuracy at step 120, and evaluates epoch 20 thrice. @returns the curves, with their steps */
  async function drawn(about: object, config = {}) {
    const told = { event: 'metrics', step: 120, epoch: 10, values: { [metric]: 0.4 }, about: { [metric]: about } };
    writeFileSync(join(folder, 'metrics.ndjson'), JSON.stringify(told) + '\n');
    const record = { version: 1, id: 'one', created: '2026-01-01T00:00:00Z', config };
    writeFileSync(join(folder, 'run.json'), JSON.stringify(record));
    const of = (total: number) => ({ total, correct: total, robust: total / 2 });
    await evaluated(20, { name: 'pgd20', stepSize: 0.01 }, of(100));
    await evaluated(20, { name: 'pgd20', restarts: 2, stepSize: 0.01 }, of(100));
    await evaluated(20, { name: 'pgd20', stepSize: 0.01 }, of(200));
    const run = new Run(folder);
    await run.refresh();
    return Object.fromEntries([...run.drawnSeries].map(([name, { steps }]) => [name, [...steps]]));
  }
  const together = {
    [`${metric} · L∞ ε 0.031, step size 0.01, 100 images`]: [120, 240],
    [`${metric} · L∞ ε 0.031, restarts 2, step size 0.01, 100 images`]: [240],
    [`${metric} · L∞ ε 0.031, step size 0.01, 200 images`]: [240],
  };
  const ball = { images: 100, epsilon: 0.031, norm: 'linf' };

  it('draws what it told of robustness and what evaluations found as one curve, when both measured the same', async () => {
    const usual = { seed: 0, steps: 20, restarts: 1 };
    expect(await drawn({ ...ball, ...usual, name: 'pgd20', stepSize: 0.01 })).toEqual(together);
    expect(await drawn({ ...ball, ...usual, name: 'pgd20', stepSize: 0.003 })).toMatchObject({
      [`${metric} · L∞ ε 0.031, 100 images`]: [120],
      [`${metric} · L∞ ε 0.031, step size 0.01, 100 images`]: [240],
    });
  });

  it('takes from its configuration what it did not tell of an attack', async () => {
    const attacks = [{ name: 'fgsm' }, { name: 'pgd20', norm: 'linf', epsilon: 0.031, steps: 20, stepSize: 0.01 }];
    expect(await drawn(ball, { evaluate: { attacks } })).toEqual(together);
    expect(Object.keys(await drawn(ball))[0]).toBe(`${metric} · L∞ ε 0.031, 100 images`);
  });

  it('sees evaluations come, go to the trash, and come back', async () => {
    const run = new Run(folder);
    const evaluation = await evaluated(10, { name: 'pgd20' });
    expect(await run.refresh()).toBe(true);
    const [checkpoint] = [{ path: evaluation.checkpoint, step: 120 }];
    expect(run.evaluationsOf(checkpoint).map(({ id }) => id)).toEqual([evaluation.id]);
    expect(run.evaluationsOf({ ...checkpoint, step: 121 })).toEqual([]);
    expect(run.hasOpenEvaluations).toBe(true);
    await trashEvaluation(evaluation);
    expect(await run.refresh()).toBe(true);
    expect(run.evaluations).toEqual([]);
    await restoreEvaluation(evaluation);
    expect(await run.refresh()).toBe(true);
    expect(run.evaluations).toHaveLength(1);
  });

  it('tells of an evaluation’s change also when somebody else has followed it', async () => {
    const run = new Run(folder);
    await evaluated(10, { name: 'pgd20' });
    await run.refresh();
    expect(await run.refresh()).toBe(false);
    const [evaluation] = run.evaluations;
    writeFileSync(
      join(evaluation!.folder, 'process.json'),
      JSON.stringify({ host: hostname(), bootId: 'none', pid: 999_999, startTime: '1', byte: 0 }),
    );
    await evaluation!.refresh();
    expect(evaluation!.status).toBe('lost');
    expect(await run.refresh()).toBe(true);
  });

  it('estimates robustness while an evaluation is at work, with an interval of what was seen', async () => {
    const evaluation = await evaluated(10, { name: 'pgd20' });
    const about = { 'test/robust_accuracy/pgd20': { images: 1000, epsilon: 0.031, norm: 'linf', seen: 250 } };
    const events = [
      { event: 'start', steps: 1000 },
      { event: 'metrics', step: 700, values: { 'test/accuracy': 0.9, 'test/robust_accuracy/pgd20': 0.5 }, about },
    ] as const;
    writeFileSync(join(evaluation.folder, 'events.ndjson'), events.map((event) => formatEvent(event)).join(''));
    await evaluation.refresh();
    // Wilson: half of 250, however far the attack is with these.
    expect(evaluation.robust?.share).toBe(0.5);
    expect(evaluation.robust?.interval.map((bound) => Number(bound.toFixed(3)))).toEqual([0.438, 0.562]);
  });
});
