import { describe, expect, it } from 'vitest';
import { resolveConfig } from './config';
import { describeConfig, distinguishingLabels, methodLabel } from './labels';

const noise = (rate: number) => ({ type: 'corrupted_label' as const, rate });
const run = (name: 'erm' | 'sat', rate: number, seed = 0) =>
  resolveConfig({ method: { name }, data: { name: 'digits', noise: noise(rate) }, seed });

describe('the description of a run', () => {
  it('says data, method and noise', () => {
    expect(describeConfig(run('sat', 0.4))).toBe('digits, SAT, 40 % noise');
    expect(describeConfig(resolveConfig({ method: { name: 'erm' } }))).toBe('digits, ERM, no noise');
    expect(describeConfig(run('erm', 0))).toBe('digits, ERM, no noise');
  });

  it.each([
    [0.1667, '16.67 % noise'],
    [0.07, '7 % noise'],
    [0.29, '29 % noise'],
    [1, '100 % noise'],
  ])('shows a rate of %d without the errors of floating point', (rate, text) => {
    expect(describeConfig(run('sat', rate))).toBe(`digits, SAT, ${text}`);
  });

  it.each([
    [{ type: 'pair_flip', rate: 0.45 }, '45 % pair flip'],
    [{ type: 'Gaussian', rate: 0.4 }, '40 % Gaussian'],
    [{ type: 'label_file', file: 'human.json', key: 'worse_label' }, 'label file worse_label'],
    [{ type: 'label_file', file: 'labels.txt' }, 'label file'],
    [{ type: 'corrupted_label', file: '/sat-runs/a-run/noise.json' }, 'noise from a-run/noise.json'],
    [{ type: 'pair_flip', rate: 0, file: 'noise.json' }, 'pair flip from noise.json'],
  ] as const)('names other noise than the authors’ on labels: %o', (config, text) => {
    const described = describeConfig(resolveConfig({ data: { name: 'digits', noise: config } }));
    expect(described).toBe(`digits, SAT, ${text}`);
  });

  it('does with whatever another version or a damaged file says', () => {
    expect(describeConfig({})).toBe('no noise');
    expect(describeConfig({ method: 'sat', data: null, seed: 'x' })).toBe('no noise');
    expect(describeConfig({ method: { name: 'pencil' }, data: { name: 'svhn', noise: { rate: '?' } } })).toBe(
      'svhn, pencil, no noise',
    );
  });
});

describe('the name of a method', () => {
  it('is its short title, or what the configuration says', () => {
    expect(['erm', 'sat', 'pencil', 'toString'].map((name) => methodLabel({ method: { name } }))).toEqual([
      'ERM',
      'SAT',
      'pencil',
      'toString',
    ]);
    expect(methodLabel({})).toBe('');
  });
});

describe('labels side by side', () => {
  it('hold what differs and leave out what all share', () => {
    expect(distinguishingLabels([run('sat', 0.4), run('erm', 0.4)])).toEqual(['SAT', 'ERM']);
    expect(distinguishingLabels([run('sat', 0.4, 0), run('sat', 0.4, 1)])).toEqual(['seed 0', 'seed 1']);
    expect(distinguishingLabels([run('sat', 0.4, 0), run('erm', 0.2, 1)])).toEqual([
      'SAT · 40 % noise · seed 0',
      'ERM · 20 % noise · seed 1',
    ]);
  });

  it('tell data sets and models apart', () => {
    const config = resolveConfig({});
    expect(
      distinguishingLabels([
        config,
        { ...config, data: { ...config.data, name: 'mnist' } },
        { ...config, model: { name: 'resnet20' } },
      ]),
    ).toEqual(['digits · small-cnn', 'mnist · small-cnn', 'digits · resnet20']);
  });

  it('name other settings where two runs would read the same, and only what changes the numbers', () => {
    const sat = (alpha: number, seed: number) => {
      const method = { name: 'sat' as const, alpha, startEpoch: 3 };
      return resolveConfig({ method, seed, evaluate: { every: 1 + seed }, name: `run ${seed}` });
    };
    expect(distinguishingLabels([sat(0.6, 0), sat(0.6, 1), sat(0.9, 0)])).toEqual([
      'alpha 0.6 · seed 0',
      'alpha 0.6 · seed 1',
      'alpha 0.9 · seed 0',
    ]);
    const erm = resolveConfig({ method: { name: 'erm' } });
    expect(distinguishingLabels([erm, sat(0.6, 0), sat(0.9, 0)])).toEqual([
      'ERM',
      'SAT · alpha 0.6',
      'SAT · alpha 0.9',
    ]);
  });

  it('tell sizes of a model apart', () => {
    const sizes = [{ name: 'resnet18', width: 8 }, { name: 'resnet18' }, { name: 'wrn', depth: 28 }] as const;
    expect(distinguishingLabels(sizes.map((model) => resolveConfig({ model })))).toEqual([
      'resnet18 width 8',
      'resnet18 width 64',
      'wrn-28-10',
    ]);
  });

  it('fall back to method and noise where nothing differs, or there is one run', () => {
    expect(distinguishingLabels([run('sat', 0.4), run('sat', 0.4)])).toEqual(['SAT · 40 % noise', 'SAT · 40 % noise']);
    expect(distinguishingLabels([run('erm', 0)])).toEqual(['ERM · no noise']);
    expect(distinguishingLabels([])).toEqual([]);
  });

  it('do not fail on runs that tell nothing', () => {
    expect(distinguishingLabels([{}, run('sat', 0.4)])).toEqual([
      'no noise',
      'SAT · digits · 40 % noise · small-cnn · seed 0',
    ]);
  });
});
