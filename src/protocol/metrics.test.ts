import { expect, it } from 'vitest';
import { isShare, lowerIsBetter } from './metrics';

it.each([
  ['test/accuracy', true, false],
  ['test/robust_accuracy/pgd20', true, false],
  ['sat/label_recovery', true, false],
  ['selective/risk@95', true, true],
  ['selective/aurc', true, true],
  ['test/loss', false, true],
  ['lr', false, false],
  ['images_per_second', false, false],
])('%s: a share %s, the lowest is best %s', (metric, share, lower) => {
  expect([isShare(metric), lowerIsBetter(metric)]).toEqual([share, lower]);
});
