import { beforeAll, describe, expect, it } from 'vitest';
import { NumpyRandom } from '../random';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { withNormalization, type ModelShape } from './model';
import { models } from './registry';

beforeAll(useWasm);

const shape = (height: number, channels: number): ModelShape => ({
  input: [height, height, channels],
  outputs: 10,
  random: new NumpyRandom(0),
});

describe('models', () => {
  it.each([
    // Convolutions 9·16 + 9·16·32 + 9·32·32, batch norms 2·(16 + 32 + 32), linear 4·4·32·10 + 10.
    ['small-cnn', shape(8, 1), 144 + 4608 + 9216 + 160 + 5130],
    ['resnet20', shape(32, 3), 272_474],
  ] as const)('%s has its number of trainable parameters and one logit a class', (name, of, parameters) => {
    const model = models[name](of);
    const trainable = model.weights.filter((weight) => weight.trainable);
    expect(trainable.reduce((sum, { variable }) => sum + variable.size, 0)).toBe(parameters);
    expect(model.forward(tf.zeros([2, ...of.input]), 'eval').shape).toEqual([2, 10]);
  });

  it('name their weights as PyTorch does', () => {
    const names = models.resnet20(shape(32, 3)).weights.map(({ name }) => name);
    expect(names).toContain('layer2.0.shortcut.1.running_var');
    expect(names.slice(0, 5)).toEqual([
      'conv1.weight',
      'bn1.weight',
      'bn1.bias',
      'bn1.running_mean',
      'bn1.running_var',
    ]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('move their running statistics in training only, with the unbiased variance', () => {
    const model = models['small-cnn'](shape(8, 1));
    const images = tf.tensor4d(
      Float32Array.from({ length: 4 * 64 }, (_, i) => (i % 7) / 7),
      [4, 8, 8, 1],
    );
    const statistics = () =>
      model.weights
        .filter(({ name }) => name.startsWith('bn1.running'))
        .map(({ variable }) => [...variable.dataSync()]);
    const before = statistics();
    const first = model.forward(images, 'eval').dataSync();
    expect(statistics()).toEqual(before);
    expect(model.forward(images, 'eval').dataSync()).toEqual(first);
    model.forward(images, 'train');
    const kernel = model.weights.find(({ name }) => name === 'conv1.weight')?.variable as tf.Tensor4D;
    const { mean, variance } = tf.moments(tf.conv2d(images, kernel, 1, 'same'), [0, 1, 2]);
    const [means = [], variances = []] = statistics();
    const n = 4 * 64;
    [...mean.dataSync()].forEach((value, i) => expect(means[i]).toBeCloseTo(0.1 * value, 5));
    [...variance.dataSync()].forEach((value, i) =>
      expect(variances[i]).toBeCloseTo(0.9 + (0.1 * value * n) / (n - 1), 5),
    );
  });

  it('take pixels in [0, 1], and normalise them by themselves', () => {
    const inner = models['small-cnn'](shape(8, 1));
    const model = withNormalization(inner, { mean: [0.5], std: [0.25] });
    const images = tf.fill<tf.Rank.R4>([1, 8, 8, 1], 0.75);
    expect(model.forward(images, 'eval').dataSync()).toEqual(inner.forward(tf.ones([1, 8, 8, 1]), 'eval').dataSync());
  });
});
