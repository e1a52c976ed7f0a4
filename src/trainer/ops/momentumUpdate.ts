import * as tf from '../tf';
import { runKernel, type Kernels } from './kernels';

/**
 * SGD's update with momentum and weight decay, as torch.optim.SGD: g ← g + λ w; b ← μ b + g; w ← w − lr · b. It changes
 * the two variables.
 */
export function momentumUpdate(
  weight: tf.Variable,
  buffer: tf.Variable,
  gradient: tf.Tensor,
  learningRate: tf.Tensor,
  { momentum, weightDecay }: { momentum: number; weightDecay: number },
): void {
  const inputs = { weight, buffer, gradient, learningRate };
  const [newWeight, newBuffer] = runKernel('momentumUpdate', inputs, { momentum, weightDecay });
  if (!newWeight || !newBuffer) throw new Error('the update made nothing');
  weight.assign(newWeight);
  buffer.assign(newBuffer);
}

/** The same, operation by operation. */
export const composedMomentumUpdate: Kernels['momentumUpdate'] = (
  { weight, buffer, gradient, learningRate },
  { momentum, weightDecay },
) => {
  const newBuffer = tf.add(tf.mul(buffer, momentum), tf.add(gradient, tf.mul(weight, weightDecay)));
  return [tf.sub(weight, tf.mul(newBuffer, learningRate)), newBuffer];
};
