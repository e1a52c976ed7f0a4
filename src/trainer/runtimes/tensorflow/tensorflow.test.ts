import { beforeAll, describe, expect, it, vi } from 'vitest';
import { drawTransforms, type Transforms } from '../../data/augment';
import { hostImages, type CreateImageSource } from '../../data/imageSource';
import type { MethodConfig } from '../../../protocol/methods';
import { createMethod } from '../../methods/registry';
import { createModel } from '../../models/registry';
import { oneHot } from '../../ops/crossEntropy';
import { createOptimizer } from '../../optimizers/registry';
import { NumpyRandom } from '../../random';
import { createTrainStep } from '../../step';
import * as tf from '../../tf';
import { installedTensorFlow } from '../installed';
import { eager, type Compile, type StepRandom } from '../program';
import { startTensorFlow } from '.';

const folder = installedTensorFlow({ SAT_RUNTIMES: process.env['SAT_TEST_RUNTIMES'] });
let compile: Compile = eager;
let residentImages: CreateImageSource = hostImages;

const call = (epoch = 0, seed = 0) => ({ epoch, random: new NumpyRandom(seed) });
const values = (tensor: tf.Tensor | undefined) => [...(tensor?.dataSync() ?? [])];

describe.skipIf(folder === undefined)('TensorFlow', () => {
  beforeAll(async () => {
    ({ compile, images: residentImages } = await startTensorFlow(folder ?? '', { device: 'cpu' }));
  });

  describe('a recorded program', () => {
    it('computes from its inputs, not from those that it was recorded with', () => {
      const program = compile(({ x, y }: { x: tf.Tensor; y: tf.Tensor }) => ({ z: tf.mul(tf.add(x, y), 2) }));
      const run = (x: number[], y: number) => values(program({ x: tf.tensor1d(x), y: tf.scalar(y) }, call()).z);
      expect(run([1, 2], 3)).toEqual([8, 10]);
      expect(run([5, 6], 1)).toEqual([12, 14]);
      expect(run([0, 0], 0)).toEqual([0, 0]);
      // Another shape is another recording.
      expect(run([1, 2, 3], 1)).toEqual([4, 6, 8]);
      expect(run([1, 1, 1], 2)).toEqual([6, 6, 6]);
      expect(run([5, 6], 1)).toEqual([12, 14]);
    });

    it('draws new random numbers each time, as an eager one does', () => {
      const body = (_: object, { random }: { random: { normal(shape: number[]): tf.Tensor } }) => ({
        z: tf.add(random.normal([3]), random.normal([3])),
      });
      const [recorded, plain] = [compile(body), eager(body)];
      for (const seed of [1, 2, 3])
        expect(values(recorded({}, call(0, seed)).z)).toEqual(values(plain({}, call(0, seed)).z));
    });

    it('gives its first call the very numbers that it gives later ones', () => {
      const start = tf.tensor2d(
        Array.from({ length: 400 }, (_, i) => Math.sin(i)),
        [20, 20],
      );
      const state = tf.variable(start) as tf.Tensor2D & tf.Variable;
      const make = () =>
        compile((_: object, { random }: { random: StepRandom }) => {
          const noise = random.normal([20, 20]);
          state.assign(tf.tanh(tf.add(tf.matMul(state, state), tf.mul(noise, 0.1))));
          return { sum: tf.sum(state) };
        });
      const run = (resumeAt: number) => {
        state.assign(tf.clone(start));
        let program = make();
        return Array.from({ length: 5 }, (_, i) => {
          // A resumed run begins with a program of its own.
          if (i === resumeAt) program = make();
          return values(program({}, call(0, i)).sum)[0];
        });
      };
      expect(run(3)).toEqual(run(0));
    });

    it('keeps variables inside, and gives their values back to whoever asks', () => {
      const count = tf.variable(tf.scalar(10));
      const add = compile(({ by }: { by: tf.Tensor }) => {
        count.assign(tf.add(count, by));
        return { count: tf.mul(count, 1) };
      });
      const plus = (by: number) => values(add({ by: tf.scalar(by) }, call()).count)[0];
      expect([plus(1), plus(2), plus(3)]).toEqual([11, 13, 16]);
      // By reading, by an operation outside, and by another program.
      expect(values(count)).toEqual([16]);
      plus(1);
      expect(values(tf.mul(count, 2))).toEqual([34]);
      const twice = compile(() => ({ z: tf.mul(count, 2) }));
      expect([1, 2, 3].map(() => (plus(1), values(twice({}, call()).z)[0]))).toEqual([36, 38, 40]);
      // What is assigned from outside is what counts.
      count.assign(tf.scalar(100));
      expect(plus(1)).toBe(101);
      plus(1);
      count.assign(tf.scalar(0));
      expect(values(count)).toEqual([0]);
      expect(plus(5)).toBe(5);
    });

    it('does not change what a variable was made from', () => {
      const start = tf.tensor1d([1, 2]);
      const variable = tf.variable(start);
      const double = compile(() => {
        variable.assign(tf.mul(variable, 2));
        return { done: tf.scalar(1) };
      });
      for (let i = 0; i < 3; i += 1) double({}, call());
      expect(values(variable)).toEqual([8, 16]);
      expect(values(start)).toEqual([1, 2]);
    });

    it('is recorded anew for each epoch only where it asks for the epoch', () => {
      const body = vi.fn((_: object, moment: { epoch: number }) => ({ z: tf.scalar(moment.epoch) }));
      const program = compile(body);
      expect([0, 0, 0, 1, 1, 0].map((epoch) => values(program({}, call(epoch)).z)[0])).toEqual([0, 0, 0, 1, 1, 0]);
      expect(body).toHaveBeenCalledTimes(3);
      const other = vi.fn(() => ({ z: tf.scalar(1) }));
      const constant = compile(other);
      for (const epoch of [0, 1, 2]) constant({}, call(epoch));
      expect(other).toHaveBeenCalledTimes(1);
    });

    it('goes on operation by operation where it reads values in its middle', () => {
      const error = vi.spyOn(console, 'error').mockImplementation(() => {});
      const program = compile(({ x }: { x: tf.Tensor }) => ({ z: tf.mul(x, values(x)[0] ?? 0) }));
      const run = (x: number) => values(program({ x: tf.scalar(x) }, call()).z)[0];
      expect([run(2), run(3), run(4)]).toEqual([4, 9, 16]);
      expect(error.mock.calls.flat().join()).toContain('operation by operation');
      error.mockRestore();
    });
  });

  describe('images on the device', () => {
    const format = { shape: [5, 6, 3] as const, pixelScale: 255 };
    const bytes = Uint8Array.from({ length: 20 * 5 * 6 * 3 }, (_, i) => (i * 37) % 256);
    const rows = Int32Array.of(3, 19, 0, 3);
    const batch = (create: CreateImageSource, transforms?: Transforms) => {
      const source = create(bytes, format);
      const program = compile((inputs) => ({ images: source.images(inputs) }));
      const run = () => values(program(source.inputs(rows, transforms), call()).images);
      run();
      return run();
    };

    it('are those of the host, bit for bit', () => expect(batch(residentImages)).toEqual(batch(hostImages)));
    it.each([0, 1, 2, 3])('also turned, cropped and flipped (%i)', (seed) => {
      const augmentation = { padding: 2, flip: true, rotation: seed * 20 };
      const transforms = drawTransforms(rows.length, new NumpyRandom(seed), augmentation);
      expect(batch(residentImages, transforms)).toEqual(batch(hostImages, transforms));
    });
  });

  describe('a training step', () => {
    const n = 16;
    const random = new NumpyRandom(0);
    const pixels = Float32Array.from({ length: n * 64 }, () => random.random());
    const labels = random.choice(10, n, true);

    const sat: MethodConfig = { name: 'sat', alpha: 0.9, startEpoch: 2 };
    const coTeaching: MethodConfig = { name: 'co_teaching', forgetRate: 0.4, gradualEpochs: 2, exponent: 1 };

    function train(how: Compile, steps: number, config = sat) {
      const network = (seed: number) =>
        createModel({ name: 'small-cnn' }, { input: [8, 8, 1], outputs: 10, random: new NumpyRandom(seed) });
      const model = network(1);
      const targets = oneHot(labels, 10);
      const method = createMethod(config, { targets, createNetwork: () => network(2) });
      const all = [...model.weights, ...(method.weights ?? [])];
      const options = { learningRate: 0.1, momentum: 0.9, weightDecay: 5e-4, schedule: { name: 'constant' } } as const;
      const optimizer = createOptimizer({ name: 'sgd', ...options }, all);
      const step = createTrainStep({ model, method, optimizer }, how);
      const indices = tf.tensor1d(
        Int32Array.from({ length: n }, (_, i) => i),
        'int32',
      );
      const losses = Array.from({ length: steps }, (_, i) => {
        const images = tf.tensor4d(pixels, [n, 8, 8, 1]);
        return step({ images, targets, indices }, call(Math.floor(i / 2)), 0.1 / (i + 1)).loss;
      });
      const weights = all.map(({ variable }) => values(variable));
      return { losses, weights, softTargets: values(method.softTargets) };
    }

    it.each([sat, coTeaching])('of $name gives the same recorded and operation by operation', (config) => {
      const [recorded, plain] = [train(compile, 8, config), train(eager, 8, config)];
      const difference = (a: number[], b: number[]) =>
        Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? NaN))));
      expect(difference(recorded.losses, plain.losses)).toBeLessThan(1e-5);
      expect(difference(recorded.softTargets, plain.softTargets)).toBeLessThan(1e-5);
      recorded.weights.forEach((weight, i) => expect(difference(weight, plain.weights[i] ?? [])).toBeLessThan(1e-4));
      expect(recorded.losses[7]).toBeLessThan(recorded.losses[0] ?? 0);
    });

    it('gives the same each time, bit for bit', () => expect(train(compile, 6)).toEqual(train(compile, 6)));

    it('leaves no tensors behind', () => {
      const model = createModel({ name: 'small-cnn' }, { input: [8, 8, 1], outputs: 10, random: new NumpyRandom(1) });
      const targets = oneHot(labels, 10);
      const method = createMethod({ name: 'sat', alpha: 0.9, startEpoch: 0 }, { targets });
      const optimizer = createOptimizer(
        { name: 'sgd', learningRate: 0.1, momentum: 0.9, weightDecay: 0, schedule: { name: 'constant' } },
        model.weights,
      );
      const step = createTrainStep({ model, method, optimizer }, compile);
      const indices = tf.tensor1d(
        Int32Array.from({ length: n }, (_, i) => i),
        'int32',
      );
      const images = tf.tensor4d(pixels, [n, 8, 8, 1]);
      const counts = Array.from({ length: 50 }, () => {
        step({ images, targets, indices }, call(), 0.01);
        return tf.memory().numTensors;
      });
      expect(new Set(counts.slice(2)).size).toBe(1);
    });
  });
});
