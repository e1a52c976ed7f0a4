import { describe, expect, it } from 'vitest';
import { Run } from '../lab/run';
import { runRecordSchema } from '../protocol/run';
import { groupOf } from './describe';

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
