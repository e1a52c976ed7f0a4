import { describe, expect, it } from 'vitest';
import { dataSchema } from '../protocol/data';
import { methodTitles, type MethodName } from '../protocol/methods';
import { resolveConfig } from './config';
import { startConfig } from './startRun';

const methods = Object.keys(methodTitles) as MethodName[];
const dataSets = dataSchema.options.map(({ shape }) => shape.name.value);

describe('what Start Run starts', () => {
  it.each(methods.flatMap((method) => dataSets.map((dataSet) => [method, dataSet] as const)))(
    'is %s on %s when these were chosen',
    (method, dataSet) => {
      const config = resolveConfig(startConfig({ method, dataSet, rate: 0.4, epochs: 40 }));
      expect(config.method.name).toBe(method);
      expect(config.data).toMatchObject({ name: dataSet, noise: { type: 'corrupted_label', rate: 0.4 } });
      expect(config.epochs).toBe(40);
    },
  );

  it('reads the data from the folder that was chosen', () => {
    const answers = { method: 'sat', dataSet: 'cifar10', rate: 0.4, epochs: 40 } as const;
    expect(resolveConfig(startConfig({ ...answers, root: '/data/cifar' })).data.root).toBe('/data/cifar');
    expect(startConfig(answers).data).not.toHaveProperty('root');
  });

  it('has no noise at rate 0', () => {
    const config = resolveConfig(startConfig({ method: 'sat', dataSet: 'digits', rate: 0, epochs: 40 }));
    expect(config.data.noise).toBeUndefined();
  });

  it.each([
    ['sat', 40, { startEpoch: 3 }],
    ['sat', 10, { startEpoch: 1 }],
    ['sat_sce', 100, { startEpoch: 8 }],
    ['trades_sat', 40, { startEpoch: 28 }],
    ['selective_sat', 16, { pretrainEpochs: 8 }],
    ['deep_gamblers', 16, { pretrainEpochs: 5 }],
    ['co_teaching', 40, { forgetRate: 0.54 }],
  ] as const)('%s of %d epochs sets in after a share of them: %j', (method, epochs, expected) => {
    expect(startConfig({ method, dataSet: 'digits', rate: 0.6, epochs }).method).toMatchObject(expected);
  });

  it.each(['adversarial_training', 'trades', 'trades_sat'] as const)(
    '%s is judged within the ball that it trains in, whatever the data set',
    (method) => {
      const radii = dataSets.map((dataSet) => {
        const config = resolveConfig(startConfig({ method, dataSet, rate: 0, epochs: 40 }));
        if (!('epsilon' in config.method)) throw new Error(`${method} has no ε`);
        expect(config.evaluate.attacks).toMatchObject([{ name: 'pgd20', epsilon: config.method.epsilon }]);
        expect(config.checkpoint.best).toBe('test/robust_accuracy/pgd20');
        return [dataSet, config.method.epsilon, config.method.stepSize];
      });
      expect(radii.slice(0, 4)).toEqual([
        ['digits', 0.1, 0.0226],
        ['mnist', 0.3, 0.0678],
        ['fashion-mnist', 0.1, 0.0226],
        ['cifar10', 0.031, 0.007],
      ]);
    },
  );
});
