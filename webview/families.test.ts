import { describe, expect, it } from 'vitest';
import { dashOf, familyOf, familyOrder, formatValue, labelsOf, lineStyle, metricLabel } from './families';

/** All that the trainer tells. */
const metrics = [
  'train/loss',
  'train/accuracy',
  'lr',
  'images_per_second',
  'test/loss',
  'test/accuracy',
  'test/accuracy_at_best_val',
  'train_eval/accuracy',
  'train_eval/clean_accuracy',
  'val/accuracy',
  'val/clean_accuracy',
  'sat/label_recovery',
  'sat/target_entropy',
  'selective/aurc',
  'selective/risk@95',
  'selective/risk@90',
  'selective/risk@80',
  'selective/risk@70',
  'risk_against_coverage/abstention',
  'risk_against_coverage/softmax_response',
];

describe('charts', () => {
  it.each([
    ['test', ['test/accuracy', 'test/accuracy_at_best_val', 'val/accuracy', 'val/clean_accuracy']],
    ['memorisation', ['train/accuracy', 'train_eval/accuracy', 'train_eval/clean_accuracy']],
    ['recovery', ['sat/label_recovery']],
    ['loss', ['train/loss', 'test/loss']],
    ['entropy', ['sat/target_entropy']],
    ['lr', ['lr']],
    ['speed', ['images_per_second']],
    ['selective', ['selective/risk@95', 'selective/risk@90', 'selective/risk@80', 'selective/risk@70']],
    ['aurc', ['selective/aurc']],
    ['risk-coverage', ['risk_against_coverage/abstention', 'risk_against_coverage/softmax_response']],
  ])('%s holds %j', (key, expected) => {
    expect(metrics.filter((metric) => familyOf(metric).key === key).sort()).toEqual([...expected].sort());
  });

  it('never mix shares with other numbers', () => {
    for (const metric of metrics)
      expect([metric, familyOf(metric).percent]).toEqual([metric, /accuracy|recovery|risk|aurc/.test(metric)]);
    expect(familyOf('gpu/utilization').key).not.toBe(familyOf('gpu/memory').key);
  });

  it('gather unknown metrics whose names begin alike', () => {
    expect(familyOf('gpu/memory').key).toBe(familyOf('gpu/temperature').key);
    expect(familyOf('gpu/memory').key).not.toBe(familyOf('disk/free').key);
    expect(familyOf('gpu/memory')).toMatchObject({ title: 'gpu', percent: false });
    expect(familyOf('robust/accuracy')).toMatchObject({ title: 'robust', percent: true });
    expect(familyOf('lrx').key).not.toBe('lr');
    expect(familyOf('xloss').key).not.toBe('loss');
    expect(familyOf('sat/loss').key).toBe('loss');
  });

  it('stand in the order of the questions, unknown ones last and by name', () => {
    const names = ['zeta', 'alpha', ...metrics].reverse();
    const keys = [
      ...new Set(
        names
          .map(familyOf)
          .sort(familyOrder)
          .map(({ key }) => key),
      ),
    ];
    expect(keys).toEqual([
      'test',
      'risk-coverage',
      'selective',
      'aurc',
      'memorisation',
      'recovery',
      'loss',
      'entropy',
      'lr',
      'speed',
      'other alpha false',
      'other zeta false',
    ]);
  });
});

describe('lines of one chart', () => {
  it('are told apart by style and by label', () => {
    for (const key of ['test', 'memorisation', 'loss', 'selective', 'risk-coverage']) {
      const members = metrics.filter((metric) => familyOf(metric).key === key);
      expect(new Set(members.map(metricLabel)).size).toBe(members.length);
      expect(new Set(members.map((metric) => lineStyle(metric))).size).toBe(members.length);
      expect(new Set(members.map((metric) => dashOf(metric).join())).size).toBe(members.length);
    }
  });

  it('of unknown metrics are solid and have their own names', () => {
    expect([metricLabel('gpu/memory'), lineStyle('gpu/memory'), dashOf('gpu/memory')]).toEqual([
      'gpu/memory',
      'solid',
      [],
    ]);
  });
});

describe('values', () => {
  it.each([
    [0.8744, true, '87.4 %'],
    [1, true, '100.0 %'],
    [0.123456, false, '0.1235'],
    [12345.6, false, '12350'],
    [NaN, true, 'NaN'],
    [-Infinity, false, '-Infinity'],
  ])('%d (percent: %s) reads %s', (value, percent, text) => {
    expect(formatValue(value, percent)).toBe(text);
  });
});

describe('robust accuracies', () => {
  const pgd = 'test/robust_accuracy/pgd20 · L∞ ε 0.031, 1,000 images';
  const fewer = 'test/robust_accuracy/pgd20 · L∞ ε 0.031, 100 images';
  const auto = 'test/robust_accuracy/autoattack · L∞ ε 0.031, 1,000 images';

  it('have charts of their own: by epoch, against ε and against steps', () => {
    expect([pgd, 'test/robust_accuracy/square'].map((metric) => familyOf(metric).key)).toEqual(['robust', 'robust']);
    expect(familyOf('robust_accuracy_against_epsilon/pgd20 · epoch-10, L∞, 100 images')).toMatchObject({
      against: 'ε',
      percent: true,
    });
    expect(familyOf('robust_accuracy_against_steps/pgd · epoch-10, 100 images').against).toBe('steps');
  });

  it('say once what they have in common, and a line style for each', () => {
    const { labels, common } = labelsOf([pgd, auto]);
    expect([...labels.values()]).toEqual(['PGD-20', 'AutoAttack']);
    expect(common).toBe('L∞ ε 0.031, 1,000 images');
    const mixed = labelsOf([pgd, fewer]);
    expect([...mixed.labels.values()]).toEqual(['PGD-20, 1,000 images', 'PGD-20, 100 images']);
    expect(mixed.common).toBe('L∞ ε 0.031');
    expect([pgd, auto, fewer].map((metric) => lineStyle(metric, [pgd, auto, fewer]))).toEqual([
      'solid',
      'dashed',
      'dotted',
    ]);
    expect(labelsOf(['test/accuracy', 'val/accuracy'])).toEqual({
      labels: new Map([
        ['test/accuracy', 'test'],
        ['val/accuracy', 'validation, given labels'],
      ]),
      common: '',
    });
  });
});
