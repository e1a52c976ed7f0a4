import { describe, expect, it } from 'vitest';
import type { RunConfig } from '../protocol/config';
import { formatProblem, loadConfigFile, type ConfigCell } from './config';
import { listPresets, presetFile, presetName, presetReference } from './presets';

const presets = await listPresets();

async function cellsOf(name: string): Promise<ConfigCell[]> {
  const result = await loadConfigFile(presetReference(name));
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.cells;
}

describe('every preset', () => {
  it('has a title of its own', () => {
    expect(presets.length).toBeGreaterThanOrEqual(10);
    expect(new Set(presets.map(({ title }) => title)).size).toBe(presets.length);
  });

  it.each(presets.map(({ name, notes, isSweep }) => ({ name, notes, isSweep })))(
    '$name is sound, says what it is taken from, and names each cell once',
    async ({ name, notes, isSweep }) => {
      expect(notes).toMatch(/\bSource: /);
      const cells = await cellsOf(name);
      expect(new Set(cells.map(({ hash }) => hash)).size).toBe(cells.length);
      expect(cells.length > 1).toBe(isSweep);
    },
  );
});

/**
 * Seconds of a run on one core: by steps (batches of 128) and by images that are evaluated. As measured: with the
 * embedded runtime a step takes 0.05 s on digits with small-cnn, 0.03 s + 0.015 s a channel of the base width with
 * ResNet-18; on 28×28 images with small-cnn and the TensorFlow runtime it takes 0.07 s, beside another run.
 */
function secondsOf({ data, model, method, epochs, batchSize, evaluate }: RunConfig): number {
  const isDigits = data.name === 'digits';
  const total = isDigits ? 1437 : 60_000;
  const images = Math.min(data.limit ?? Infinity, Math.round(total * (1 - data.validation)));
  const evaluated = images + total * data.validation + (isDigits ? 360 : 10_000);
  const width = 'width' in model && typeof model.width === 'number' ? model.width : undefined;
  const networks = (method.name as string) === 'co_teaching' ? 2 : 1;
  const step = !isDigits ? 0.07 : width === undefined ? 0.05 : 0.03 + 0.015 * width;
  const evaluation = evaluated * step * 0.003;
  return networks * (Math.ceil(images / batchSize) * epochs * step + Math.ceil(epochs / evaluate.every) * evaluation);
}

describe('a small preset', () => {
  it.each(presets.filter(({ name }) => name.endsWith('-small')).map(({ name }) => name))(
    '%s takes at most 10 minutes a run and 2 hours in all on two cores',
    async (name) => {
      const seconds = (await cellsOf(name)).map(({ config }) => secondsOf(config));
      expect(Math.max(...seconds)).toBeLessThanOrEqual(600);
      expect(seconds.reduce((sum, one) => sum + one, 0) / 2).toBeLessThanOrEqual(7200);
    },
  );
});

describe('a preset’s name', () => {
  it('is no path', () => {
    expect(presetName('preset:cifar10-sat')).toBe('cifar10-sat');
    expect(presetName('cifar10-sat.sat.json')).toBeUndefined();
    expect(presetFile('digits-sat-small')).toMatch(/digits-sat-small\.sat\.json$/);
    for (const name of ['none', '', '..', '../presets/digits-sat-small']) expect(presetFile(name)).toBeUndefined();
  });
});
