import { relu } from '../ops/relu';
import { flatten, linear } from './layers';
import type { Model, ModelShape } from './model';

/** Multi-layer perceptron: linear layers with ReLU in between, `fc1` on all pixels to the last on the logits. */
export function mlp(
  { hidden }: { hidden: readonly number[] },
  { input: [height, width, channels], outputs, random }: ModelShape,
): Model {
  const sizes = [height * width * channels, ...hidden, outputs];
  const layers = sizes.slice(1).map((to, i) => linear(`fc${i + 1}`, sizes[i] ?? 0, to, random));
  return {
    weights: layers.flatMap((layer) => layer.weights),
    forward: (images, mode) =>
      layers.reduce((x, layer, i) => layer.forward(i === 0 ? x : relu(x), mode), flatten(images)),
  };
}
