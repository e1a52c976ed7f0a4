import { describe, expect, it } from 'vitest';
import { formatDuration, formatMetric, metricWords } from './format';

describe('metrics', () => {
  it.each([
    ['test/accuracy', 0.874, '87.4 %'],
    ['test/accuracy', 1, '100.0 %'],
    ['sat/label_recovery', 0.94649, '94.6 %'],
    ['gpu/utilization', 0, '0.0 %'],
    ['train/loss', 0.123456, '0.1235'],
    ['train/loss', 2, '2'],
    ['lr', 0.000006, '0.000006'],
    ['images_per_second', 1234.567, '1235'],
    ['test/accuracy', NaN, 'NaN'],
    ['train/loss', -Infinity, '-Infinity'],
  ])('%s of %d is %s', (name, value, text) => {
    expect(formatMetric(name, value)).toBe(text);
  });

  it('are named in words', () => {
    expect(metricWords('train_eval/clean_accuracy')).toBe('train eval clean accuracy');
  });
});

describe('durations', () => {
  it.each([
    [-3, '0 s'],
    [0, '0 s'],
    [44.6, '45 s'],
    [59.4, '59 s'],
    [59.6, '1 min'],
    [60, '1 min'],
    [89, '1 min'],
    [91, '2 min'],
    [3599, '1 h 0 min'],
    [4200, '1 h 10 min'],
    [7199, '2 h 0 min'],
    [90_000, '25 h 0 min'],
  ])('%d s are %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});
