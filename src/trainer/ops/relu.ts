import * as tf from '../tf';
import { runKernel } from './kernels';

// In place of tfjs's own, which makes two more tensors of the size of the activations.
tf.registerGradient({
  kernelName: tf.Relu,
  outputsToSave: [true],
  gradFunc: (dy, saved) => ({
    x: () => runKernel('reluGradient', { dy: dy as tf.Tensor, y: saved[0] as tf.Tensor })[0] as tf.Tensor,
  }),
});

/** max(x, 0); its gradient at 0 is 0. */
export function relu<T extends tf.Tensor>(x: T): T {
  return tf.relu(x);
}
