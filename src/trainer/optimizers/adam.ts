import type { OptimizerConfig } from '../../protocol/optimizers';
import type { Weight } from '../models/weights';
import * as tf from '../tf';
import type { Optimizer } from './optimizer';
import { scalarOf, slotOf, zeroSlots } from './slots';

type Options = Extract<OptimizerConfig, { name: 'adam' }>;

/**
 * Adam as torch.optim.Adam (Kingma and Ba 2015): g ← g + λ w; m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²;
 * w ← w − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε).
 */
export function adam({ beta1, beta2, epsilon, weightDecay }: Options, weights: readonly Weight[]): Optimizer {
  const trainable = weights.filter((w) => w.trainable);
  const first = zeroSlots(trainable);
  const second = zeroSlots(trainable);
  return {
    slots: new Map([
      ['exp_avg', first],
      ['exp_avg_sq', second],
    ]),
    steps: 0,
    scalars(learningRate) {
      const t = this.steps + 1;
      return { rate: learningRate / (1 - beta1 ** t), correction: Math.sqrt(1 - beta2 ** t) };
    },
    update(gradients, scalars) {
      const [rate, correction] = [scalarOf(scalars, 'rate'), scalarOf(scalars, 'correction')];
      for (const { name, variable } of trainable) {
        const [m, v] = [slotOf(first, name), slotOf(second, name)];
        const gradient = tf.add(slotOf(gradients, name), tf.mul(variable, weightDecay));
        m.assign(tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1)));
        v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
        const denominator = tf.add(tf.div(tf.sqrt(v), correction), epsilon);
        variable.assign(tf.sub(variable, tf.mul(tf.div(m, denominator), rate)));
      }
    },
  };
}
