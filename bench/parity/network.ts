import { assign } from '../../src/trainer/checkpoint/checkpoint';
import { NumpyRandom } from '../../src/trainer/random';
import { convolutionBlock, linear } from '../../src/trainer/models/layers';
import { globalAveragePool } from '../../src/trainer/ops/globalAveragePool';
import type { Model } from '../../src/trainer/models/model';
import { toFileLayout, type Weight } from '../../src/trainer/models/weights';
import type { Optimizer } from '../../src/trainer/optimizers/optimizer';
import * as tf from '../../src/trainer/tf';
import type { Fixture } from './fixture';

/** The network of the fixtures: conv 8, conv 16 at stride 2, each with batch norm and ReLU, mean, linear. */
export function parityNetwork(outputs: number): Model {
  const random = new NumpyRandom(0);
  const first = convolutionBlock({ convolution: 'conv1', batchNorm: 'bn1' }, { from: 1, to: 8, random });
  const second = convolutionBlock({ convolution: 'conv2', batchNorm: 'bn2' }, { from: 8, to: 16, stride: 2, random });
  const head = linear('fc', 16, outputs, random);
  return {
    weights: [first, second, head].flatMap((layer) => layer.weights),
    forward: (images, mode) => head.forward(globalAveragePool(second.forward(first.forward(images, mode), mode)), mode),
  };
}

/** Loads the weights that a fixture stores under a prefix such as `init` or `epoch2`. */
export function loadWeights(model: Model, fixture: Fixture, prefix: string): void {
  for (const { name, variable, layout } of model.weights) load(variable, layout, fixture, `${prefix}/${name}`);
}

/** Loads SGD's momentum buffers of the end of an epoch. */
export function loadMomentum(model: Model, optimizer: Optimizer, fixture: Fixture, prefix: string): void {
  const layouts = new Map(model.weights.map(({ name, layout }) => [name, layout]));
  for (const [name, variable] of optimizer.slots.get('momentum') ?? []) {
    load(variable, layouts.get(name) ?? 'plain', fixture, `${prefix}/momentum/${name}`);
  }
}

function load(variable: tf.Variable, layout: Weight['layout'], fixture: Fixture, name: string): void {
  assign(variable, fixture.floats(name), fixture.shape(name), layout, `${fixture.name}: ${name}`);
}

/** A tensor's values in the file's layout. */
export function fileValues(tensor: tf.Tensor, layout: Weight['layout']): Float32Array {
  return tf.tidy(() => toFileLayout(tensor, layout).dataSync<'float32'>());
}
