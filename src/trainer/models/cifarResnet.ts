import type { Model, ModelShape } from './model';
import { residualNetwork } from './residual';

/** The family of He et al. 2016, section 4.2: three stages with 16, 32 and 64 channels, 6n + 2 layers deep. */
const widths = [16, 32, 64];

/** ResNet-20: three blocks a stage. */
export function resnet20(shape: ModelShape): Model {
  return residualNetwork({ widths, blocks: [3, 3, 3] }, shape);
}

/** ResNet-32: five blocks a stage. */
export function resnet32(shape: ModelShape): Model {
  return residualNetwork({ widths, blocks: [5, 5, 5] }, shape);
}
