import { describe, expect, it } from 'vitest';
import { Run } from '../lab/run';
import { runRecordSchema } from '../protocol/run';
import { groupOf, labelsFor, viewOf } from './describe';

function runWith(record: object): Run {
  const run = new Run('/nowhere/a-run');
  run.record = runRecordSchema.parse({
    version: 1,
    id: 'a-run',
    created: '2024-05-01T12:00:00Z',
    config: {},
    ...record,
  });
  return run;
}

describe('the group of a run', () => {
  it('is its sweep: the same file with other settings by hand is another', () => {
    const groupWith = (...settings: string[]) =>
      groupOf(runWith({ group: 'noise', configFile: '/somewhere/noise.sat.json', settings }));
    expect(groupWith('epochs=5').key).toBe(groupWith('epochs=5').key);
    expect(groupWith('epochs=5').key).not.toBe(groupWith('epochs=10').key);
    expect(groupWith('epochs=5').label).toBe('noise · epochs=5');
    expect(groupWith().label).toBe('noise');
  });
});

describe('what the panel takes for one experiment', () => {
  const variantOf = (config: object) => viewOf(runWith({ config }), labelsFor([], [])).variant;
  const noisy = (noise: object, seed = 0) => variantOf({ seed, data: { name: 'digits', noise } });

  it('differs in no setting but its seeds, that of its noise among them', () => {
    const one = noisy({ type: 'corrupted_label', rate: 0.4, seed: 0 });
    expect(noisy({ type: 'corrupted_label', rate: 0.4, seed: 1 }, 2)).toBe(one);
    expect(noisy({ type: 'corrupted_label', rate: 0.4 })).toBe(one);
    expect(noisy({ type: 'corrupted_label', rate: 0.2, seed: 0 })).not.toBe(one);
    expect(variantOf({ seed: 1, data: { name: 'digits' } })).toBe(variantOf({ seed: 2, data: { name: 'digits' } }));
    expect(variantOf({})).toBe(variantOf({ name: 'mine', notes: 'n', tags: ['t'] }));
  });
});
