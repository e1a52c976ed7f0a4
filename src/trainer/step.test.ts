import { beforeAll, expect, it } from 'vitest';
import { erm } from './methods/erm';
import { channelDropout, flatten, linear } from './models/layers';
import type { Model } from './models/model';
import { createOptimizer } from './optimizers/registry';
import { optimizerSchema } from '../protocol/optimizers';
import { NumpyRandom } from './random';
import { createTrainStep } from './step';
import * as tf from './tf';
import { useWasm } from './testing';

beforeAll(useWasm);

it('a training step gives the model its random numbers, such as dropout asks for', () => {
  const head = linear('fc', 16, 2, new NumpyRandom(0));
  const dropout = channelDropout(0.5);
  const model: Model = {
    weights: head.weights,
    forward: (images, mode, random) => head.forward(dropout.forward(flatten(images), mode, random), mode),
  };
  const optimizer = createOptimizer(optimizerSchema.parse({ name: 'sgd', weightDecay: 0 }), model.weights);
  const step = createTrainStep({ model, method: erm(), optimizer });
  const images = tf.randomUniform([4, 4, 4, 1], 0, 1, 'float32', 1);
  const inputs = {
    images,
    targets: tf.tensor2d([1, 0, 0, 1, 1, 0, 0, 1], [4, 2]),
    indices: tf.range(0, 4, 1, 'int32'),
  };
  const loss = (seed: number) => step(inputs, { epoch: 0, random: new NumpyRandom(seed) }, 0).loss;
  const first = loss(1);
  expect(loss(1)).toBe(first);
  expect(loss(2)).not.toBe(first);
});
