import type { MethodOptions } from '../../protocol/methods';
import { signedSteps } from '../attacks/signedSteps';
import { crossEntropy } from '../ops/crossEntropy';
import * as tf from '../tf';
import { withChanges, type Method } from './method';

/**
 * Adversarial training (Madry et al., ICLR 2018): cross-entropy on images that PGD has perturbed to raise it, begun at a
 * uniformly random point of the ε-ball. As in TRADES the perturbation is made in eval mode.
 */
export function adversarialTraining(options: MethodOptions<'adversarial_training'>): Method {
  return {
    state: new Map(),
    prepare: (model, batch) => {
      const { images, targets, random } = batch;
      const noise = tf.mul(tf.sub(tf.mul(random.uniform(images.shape), 2), 1), options.epsilon);
      const start = tf.clipByValue(tf.add<tf.Tensor4D>(images, noise), 0, 1);
      const adversarial = signedSteps(model, images, start, (logits) => crossEntropy(logits, targets), options);
      return withChanges(batch, { adversarial });
    },
    loss: (model, { adversarial, targets }) => {
      if (!adversarial) throw new Error('the batch was not prepared');
      const logits = model.forward(adversarial, 'train');
      return { logits, loss: crossEntropy(logits, targets) };
    },
  };
}
