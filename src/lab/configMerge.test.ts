import { describe, expect, it } from 'vitest';
import { layerAt, mergeConfig, sweepSettings } from './configMerge';

describe('mergeConfig', () => {
  it('merges objects deeply', () => {
    const base = { data: { name: 'digits', noise: { type: 'corrupted_label', rate: 0.4 } }, epochs: 40 };
    expect(mergeConfig(base, { data: { noise: { rate: 0.2 } } })).toEqual({
      data: { name: 'digits', noise: { type: 'corrupted_label', rate: 0.2 } },
      epochs: 40,
    });
  });

  it('replaces scalars and arrays', () => {
    const base = { epochs: 40, tags: ['a', 'b'], optimizer: { schedule: { name: 'step', milestones: [1, 2, 3] } } };
    expect(mergeConfig(base, { epochs: 5, tags: ['c'], optimizer: { schedule: { milestones: [9] } } })).toEqual({
      epochs: 5,
      tags: ['c'],
      optimizer: { schedule: { name: 'step', milestones: [9] } },
    });
  });

  it('puts an object in the place of a scalar, and a scalar in the place of an object', () => {
    expect(mergeConfig({ data: 'digits' }, { data: { name: 'mnist' } })).toEqual({ data: { name: 'mnist' } });
    expect(mergeConfig({ data: { name: 'mnist' } }, { data: 3 })).toEqual({ data: 3 });
  });

  it('removes what is null, leaving no key behind', () => {
    const merged = mergeConfig({ data: { name: 'digits', limit: 10 }, epochs: 40 }, { data: { limit: null } });
    expect(merged).toStrictEqual({ data: { name: 'digits' }, epochs: 40 });
    expect(mergeConfig({}, { data: { noise: null } })).toStrictEqual({ data: {} });
  });

  it('changes neither of its arguments', () => {
    const base = { data: { name: 'digits', limit: 10 } };
    const layer = { data: { limit: null, validation: 0.1 } };
    mergeConfig(base, layer);
    expect(base).toEqual({ data: { name: 'digits', limit: 10 } });
    expect(layer).toEqual({ data: { limit: null, validation: 0.1 } });
  });

  it('drops the options that a newly selected method does not have', () => {
    const base = { method: { name: 'sat', alpha: 0.5, startEpoch: 3 } };
    expect(mergeConfig(base, { method: { name: 'erm' } })).toStrictEqual({ method: { name: 'erm' } });
  });

  it('keeps the options that both choices have', () => {
    const base = { optimizer: { name: 'sgd', learningRate: 0.2, momentum: 0.8, weightDecay: 0.001 } };
    expect(mergeConfig(base, { optimizer: { name: 'adam' } })).toStrictEqual({
      optimizer: { name: 'adam', learningRate: 0.2, weightDecay: 0.001 },
    });
  });

  it('keeps the options when the same name is given again', () => {
    const base = { method: { name: 'sat', alpha: 0.5 } };
    expect(mergeConfig(base, { method: { name: 'sat', startEpoch: 3 } })).toEqual({
      method: { name: 'sat', alpha: 0.5, startEpoch: 3 },
    });
  });

  it('keeps a wrong option of the layer itself for the schema to complain of', () => {
    const merged = mergeConfig({ method: { name: 'sat' } }, { method: { name: 'erm', alpha: 0.5 } });
    expect(merged).toEqual({ method: { name: 'erm', alpha: 0.5 } });
  });

  it('knows the nested choice of the schedule', () => {
    const base = { optimizer: { name: 'sgd', schedule: { name: 'step', milestones: [10], gamma: 0.1 } } };
    expect(mergeConfig(base, { optimizer: { schedule: { name: 'cosine' } } })).toStrictEqual({
      optimizer: { name: 'sgd', schedule: { name: 'cosine' } },
    });
  });

  it('leaves options alone when the new name is unknown', () => {
    const base = { method: { name: 'sat', alpha: 0.5 } };
    expect(mergeConfig(base, { method: { name: 'stas' } })).toEqual({ method: { name: 'stas', alpha: 0.5 } });
  });
});

describe('layerAt', () => {
  it('sets one path', () => {
    expect(layerAt('epochs', 3)).toEqual({ epochs: 3 });
    expect(layerAt('data.noise.rate', 0.4)).toEqual({ data: { noise: { rate: 0.4 } } });
  });
});

describe('sweepSettings', () => {
  it('runs through later keys fastest', () => {
    const cells = sweepSettings({ 'data.noise.rate': [0.2, 0.4], seed: [0, 1, 2] });
    expect(cells.map((settings) => Object.values(settings))).toEqual([
      [0.2, 0],
      [0.2, 1],
      [0.2, 2],
      [0.4, 0],
      [0.4, 1],
      [0.4, 2],
    ]);
    expect(cells[5]).toEqual({ 'data.noise.rate': 0.4, seed: 2 });
  });

  it('takes whole objects, and null, as values', () => {
    const method = [{ name: 'erm' }, { name: 'sat', alpha: 0.9 }];
    expect(sweepSettings({ method })).toEqual(method.map((value) => ({ method: value })));
    expect(sweepSettings({ 'data.noise': [null] })).toEqual([{ 'data.noise': null }]);
  });

  it('is one empty cell without a sweep', () => {
    expect(sweepSettings({})).toEqual([{}]);
  });
});
