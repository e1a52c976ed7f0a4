import { beforeAll, describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { modelSchema } from '../../protocol/models';
import { NumpyRandom } from '../random';
import { fixedRandom } from '../runtimes/program';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { withNormalization, withRandom, type Model, type ModelShape } from './model';
import { createModel } from './registry';

beforeAll(useWasm);

const shape = (height: number, channels: number, outputs = 10): ModelShape => ({
  input: [height, height, channels],
  outputs,
  random: new NumpyRandom(0),
});

type Options = z.input<typeof modelSchema>;

/** A model with its default options but for the given ones. */
const make = (options: Options, of: ModelShape): Model => createModel(modelSchema.parse(options), of);

/** Nothing is drawn, which takes long for many millions of weights. */
class Constant extends NumpyRandom {
  override random = () => 0.5;
  override randn = () => 1;
}

const names = (model: Model) => model.weights.map(({ name }) => name);
const weightOf = (model: Model, name: string) => {
  const found = model.weights.find((weight) => weight.name === name);
  if (!found) throw new Error(`no weight ${name}`);
  return found.variable;
};
const moments = (variable: tf.Variable) => {
  const { mean, variance } = tf.moments(variable);
  return { mean: mean.dataSync()[0] ?? NaN, deviation: Math.sqrt(variance.dataSync()[0] ?? NaN) };
};
const batchNormNames = (name: string) =>
  ['weight', 'bias', 'running_mean', 'running_var'].map((part) => `${name}.${part}`);

describe('models', () => {
  // Counted in PyTorch with the authors' code (facts 1.5), but for those that are worked out here.
  it.each<[Options, number, number, number, number]>([
    // Convolutions 9·16 + 9·16·32 + 9·32·32, batch norms 2·(16 + 32 + 32), linear 4·4·32·10 + 10.
    [{ name: 'small-cnn' }, 8, 1, 10, 144 + 4608 + 9216 + 160 + 5130],
    [{ name: 'mlp' }, 28, 1, 10, (784 + 1) * 512 + (512 + 1) * 512 + (512 + 1) * 10],
    [{ name: 'mlp', hidden: [16] }, 8, 1, 10, 65 * 16 + 170],
    [{ name: 'resnet20' }, 32, 3, 10, 272_474],
    // ResNet-20 and, in each stage, two more blocks of two convolutions 3×3 and two batch norms.
    [{ name: 'resnet32' }, 32, 3, 10, 272_474 + 4 * [16, 32, 64].reduce((sum, c) => sum + 9 * c * c + 2 * c, 0)],
    [{ name: 'resnet18' }, 32, 3, 10, 11_173_962],
    [{ name: 'resnet18' }, 32, 3, 100, 11_220_132],
    [{ name: 'resnet34' }, 32, 3, 10, 21_282_122],
    [{ name: 'resnet34' }, 32, 3, 100, 21_328_292],
    [{ name: 'resnet18', width: 1 }, 32, 3, 10, 2_991],
    [{ name: 'resnet18', width: 2 }, 32, 3, 10, 11_420],
    [{ name: 'resnet18', width: 4 }, 32, 3, 10, 44_622],
    [{ name: 'resnet18', width: 8 }, 32, 3, 10, 176_402],
    [{ name: 'resnet18', width: 10 }, 32, 3, 10, 274_980],
    [{ name: 'resnet18', width: 16 }, 32, 3, 10, 701_466],
    [{ name: 'resnet18', width: 32 }, 32, 3, 10, 2_797_610],
    [{ name: 'wrn' }, 32, 3, 10, 46_160_474],
    [{ name: 'wrn', depth: 28 }, 32, 3, 10, 36_479_194],
    [{ name: 'wrn', depth: 28 }, 32, 3, 100, 36_536_884],
    [{ name: 'vgg16-bn' }, 32, 3, 11, 14_992_459],
    [{ name: 'vgg16-bn' }, 64, 3, 3, 15_774_787],
  ])('%o on %i×… images of %i channels and %i outputs: %i trainable parameters', (options, h, c, k, count) => {
    const model = make(options, { ...shape(h, c, k), random: new Constant(0) });
    const trainable = model.weights.filter((weight) => weight.trainable);
    expect(trainable.reduce((sum, { variable }) => sum + variable.size, 0)).toBe(count);
    expect(new Set(names(model)).size).toBe(model.weights.length);
    model.weights.forEach(({ variable }) => variable.dispose());
  });

  it.each([
    [{ name: 'mlp' }, 8, 1],
    [{ name: 'resnet20' }, 8, 1],
    [{ name: 'resnet32' }, 32, 3],
    [{ name: 'resnet18', width: 2 }, 28, 1],
    [{ name: 'resnet34', width: 2 }, 32, 3],
    [{ name: 'wrn', depth: 16, widenFactor: 2 }, 32, 3],
    [{ name: 'vgg16-bn' }, 32, 3],
  ] as const)('%o gives one logit a class, and every weight a gradient', (options, h, c) => {
    const model = make(options, shape(h, c, 3));
    const images = tf.randomUniform<tf.Rank.R4>([4, h, h, c], 0, 1, 'float32', 1);
    expect(model.forward(images, 'eval').shape).toEqual([4, 3]);
    const trainable = model.weights.filter((weight) => weight.trainable);
    const { grads } = tf.variableGrads(
      () => tf.sum(tf.square(model.forward(images, 'train', fixedRandom(0)))),
      trainable.map(({ variable }) => variable),
    );
    for (const { name, variable } of trainable) {
      const gradient = grads[variable.name];
      expect(gradient?.shape, name).toEqual(variable.shape);
      expect(tf.sum(tf.abs(gradient ?? NaN)).dataSync()[0], name).toBeGreaterThan(0);
    }
    model.weights.forEach(({ variable }) => variable.dispose());
  });

  it('move their running statistics in training only, with the unbiased variance', () => {
    const model = make({ name: 'small-cnn' }, shape(8, 1));
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
    const kernel = weightOf(model, 'conv1.weight') as tf.Tensor as tf.Tensor4D;
    const { mean, variance } = tf.moments(tf.conv2d(images, kernel, 1, 'same'), [0, 1, 2]);
    const [means = [], variances = []] = statistics();
    const n = 4 * 64;
    [...mean.dataSync()].forEach((value, i) => expect(means[i]).toBeCloseTo(0.1 * value, 5));
    [...variance.dataSync()].forEach((value, i) =>
      expect(variances[i]).toBeCloseTo(0.9 + (0.1 * value * n) / (n - 1), 5),
    );
  });

  it('take pixels in [0, 1], and normalise them by themselves', () => {
    const inner = make({ name: 'small-cnn' }, shape(8, 1));
    const model = withNormalization(inner, { mean: [0.5], std: [0.25] });
    const images = tf.fill<tf.Rank.R4>([1, 8, 8, 1], 0.75);
    expect(model.forward(images, 'eval').dataSync()).toEqual(inner.forward(tf.ones([1, 8, 8, 1]), 'eval').dataSync());
  });
});

describe('residual networks', () => {
  it.each([
    ['resnet18', { width: 2 }, [2, 2, 2, 2]],
    ['resnet34', { width: 2 }, [3, 4, 6, 3]],
    ['resnet20', {}, [3, 3, 3]],
    ['resnet32', {}, [5, 5, 5]],
  ] as const)('%s has the state_dict of the authors’ models/resnet.py', (name, options, blocks) => {
    const block = (prefix: string, shortcut: boolean) => [
      `${prefix}.conv1.weight`,
      ...batchNormNames(`${prefix}.bn1`),
      `${prefix}.conv2.weight`,
      ...batchNormNames(`${prefix}.bn2`),
      ...(shortcut ? [`${prefix}.shortcut.0.weight`, ...batchNormNames(`${prefix}.shortcut.1`)] : []),
    ];
    expect(names(make({ name, ...options }, shape(32, 3)))).toEqual([
      'conv1.weight',
      ...batchNormNames('bn1'),
      ...blocks.flatMap((count, stage) =>
        Array.from({ length: count }, (_, i) => block(`layer${stage + 1}.${i}`, stage > 0 && i === 0)).flat(),
      ),
      'linear.weight',
      'linear.bias',
    ]);
  });

  it('begin as the authors’: convolutions N(0, 2 / (k²·out)), linear U(±1/√in)', () => {
    const model = make({ name: 'resnet18', width: 16 }, shape(32, 3));
    const { mean, deviation } = moments(weightOf(model, 'layer4.0.conv1.weight'));
    expect(mean).toBeCloseTo(0, 3);
    expect(deviation).toBeCloseTo(Math.sqrt(2 / (9 * 128)), 3);
    expect(moments(weightOf(model, 'layer4.0.shortcut.0.weight')).deviation).toBeCloseTo(Math.sqrt(2 / 128), 2);
    const bound = 1 / Math.sqrt(128);
    const values = weightOf(model, 'linear.weight').dataSync();
    expect(Math.max(...values)).toBeLessThanOrEqual(bound);
    expect(moments(weightOf(model, 'linear.weight')).deviation).toBeCloseTo(bound / Math.sqrt(3), 2);
  });
});

describe('wide residual networks', () => {
  it('have the state_dict of TRADES’ models/wideresnet.py', () => {
    const block = (prefix: string, shortcut: boolean) => [
      ...batchNormNames(`${prefix}.bn1`),
      `${prefix}.conv1.weight`,
      ...batchNormNames(`${prefix}.bn2`),
      `${prefix}.conv2.weight`,
      ...(shortcut ? [`${prefix}.convShortcut.weight`] : []),
    ];
    expect(names(make({ name: 'wrn', depth: 16, widenFactor: 2 }, shape(32, 3)))).toEqual([
      'conv1.weight',
      ...[1, 2, 3].flatMap((stage) => [
        ...block(`block${stage}.layer.0`, true),
        ...block(`block${stage}.layer.1`, false),
      ]),
      ...batchNormNames('bn1'),
      'fc.weight',
      'fc.bias',
    ]);
  });

  it('hand the activated input to a shortcut by convolution, and the raw one to the identity', () => {
    // One block a stage. With its second convolution at zero, a block is nothing but its shortcut.
    const model = make({ name: 'wrn', depth: 10, widenFactor: 1 }, shape(4, 1));
    for (const stage of [1, 2, 3]) {
      const kernel = weightOf(model, `block${stage}.layer.0.conv2.weight`);
      kernel.assign(tf.zerosLike(kernel));
    }
    const images = tf.randomUniform<tf.Rank.R4>([2, 4, 4, 1], -1, 1, 'float32', 3);
    const kernel = (name: string) => weightOf(model, `${name}.weight`) as tf.Tensor as tf.Tensor4D;
    // Batch norm in eval mode before training divides by √(1 + ε).
    const activate = (x: tf.Tensor4D) => tf.relu(tf.div<tf.Tensor4D>(x, Math.sqrt(1 + 1e-5)));
    let x: tf.Tensor4D = tf.conv2d(images, kernel('conv1'), 1, 'same');
    for (const stage of [2, 3]) x = tf.conv2d(activate(x), kernel(`block${stage}.layer.0.convShortcut`), 2, 'valid');
    const features: tf.Tensor2D = tf.mean(activate(x), [1, 2]);
    const expected = tf.matMul(features, weightOf(model, 'fc.weight') as tf.Tensor as tf.Tensor2D).dataSync();
    const logits = model.forward(images, 'eval').dataSync();
    expected.forEach((value, i) => expect(logits[i]).toBeCloseTo(value, 5));
    expect([...weightOf(model, 'fc.bias').dataSync()]).toEqual(new Array(10).fill(0));
  });

  it('refuse a depth that is not 6n + 4', () => {
    expect(() => make({ name: 'wrn', depth: 30 }, shape(32, 3))).toThrow('expected 6n + 4');
  });
});

describe('VGG-16', () => {
  it('has the state_dict of Deep Gamblers’ models/cifar/vgg.py', () => {
    // Four places for each: convolution, ReLU, batch norm, then dropout or, at the end of a stage, max-pool.
    const places = Array.from({ length: 13 }, (_, i) => 4 * i);
    expect(names(make({ name: 'vgg16-bn' }, { ...shape(32, 3), random: new Constant(0) }))).toEqual([
      ...places.flatMap((i) => [`features.${i}.weight`, `features.${i}.bias`, ...batchNormNames(`features.${i + 2}`)]),
      'classifier.0.weight',
      'classifier.0.bias',
      ...batchNormNames('classifier.2'),
      'classifier.4.weight',
      'classifier.4.bias',
    ]);
  });

  it('drops channels in training only, as the random numbers say', () => {
    const model = make({ name: 'vgg16-bn' }, shape(32, 3));
    const images = tf.randomUniform<tf.Rank.R4>([4, 32, 32, 3], 0, 1, 'float32', 1);
    const logits = (seed: number) => [...withRandom(model, fixedRandom(seed)).forward(images, 'train').dataSync()];
    const first = logits(1);
    expect(logits(1)).toEqual(first);
    expect(logits(2)).not.toEqual(first);
    const evaluated = [...model.forward(images, 'eval').dataSync()];
    expect([...withRandom(model, fixedRandom(2)).forward(images, 'eval').dataSync()]).toEqual(evaluated);
    expect(() => model.forward(images, 'train')).toThrow('dropout in training needs random numbers');
  });

  it('refuses images that cannot be halved five times', () => {
    expect(() => make({ name: 'vgg16-bn' }, shape(28, 1))).toThrow('needs images of 32×32 or more, these are 28×28');
  });
});
