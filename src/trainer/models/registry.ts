import type { ModelConfig, ModelName, ModelOptions } from '../../protocol/models';
import { resnet20, resnet32 } from './cifarResnet';
import { mlp } from './mlp';
import type { Model, ModelShape } from './model';
import { resnet } from './resnet';
import { smallCnn } from './smallCnn';
import { requireVggSize, vgg16Bn } from './vgg';
import { wideResnet } from './wideResnet';

type Factories = { [N in ModelName]: (options: ModelOptions<N>, shape: ModelShape) => Model };

/** Every model that a configuration can name. */
const factories: Factories = {
  'small-cnn': (_options, shape) => smallCnn(shape),
  mlp,
  resnet20: (_options, shape) => resnet20(shape),
  resnet32: (_options, shape) => resnet32(shape),
  resnet18: resnet,
  resnet34: resnet,
  wrn: wideResnet,
  'vgg16-bn': (_options, shape) => vgg16Bn(shape),
};

/** Makes the model that a configuration names. @throws Problem when it does not fit the images */
export function createModel<N extends ModelName>(options: ModelOptions<N> & ModelConfig, shape: ModelShape): Model {
  const name: N = options.name;
  return factories[name](options, shape);
}

/** What models ask of the images. */
const requirements: Partial<Record<ModelName, (input: ModelShape['input']) => void>> = { 'vgg16-bn': requireVggSize };

/** Looks whether a model could be made, without making it. @throws Problem when it does not fit the images */
export function requireFit({ name }: ModelConfig, input: ModelShape['input']): void {
  requirements[name]?.(input);
}
