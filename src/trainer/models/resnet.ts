import { normalByFanOut } from './initialization';
import type { Model, ModelShape } from './model';
import { residualNetwork } from './residual';

const blocksOf = { resnet18: [2, 2, 2, 2], resnet34: [3, 4, 6, 3] };

/** ResNet-18 and 34 as the authors' models/resnet.py (facts 1.5): stages with w, 2w, 4w and 8w channels. */
export function resnet({ name, width }: { name: keyof typeof blocksOf; width: number }, shape: ModelShape): Model {
  const widths = [1, 2, 4, 8].map((factor) => factor * width);
  return residualNetwork({ widths, blocks: blocksOf[name], initialization: normalByFanOut }, shape);
}
