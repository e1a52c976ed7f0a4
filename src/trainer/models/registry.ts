import type { ModelName } from '../../protocol/models';
import type { Model, ModelShape } from './model';
import { resnet20 } from './resnet20';
import { smallCnn } from './smallCnn';

/** Every model that a configuration can name. */
export const models: Record<ModelName, (shape: ModelShape) => Model> = {
  'small-cnn': smallCnn,
  resnet20,
};
