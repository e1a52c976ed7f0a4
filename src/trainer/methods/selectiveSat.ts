import type { MethodOptions } from '../../protocol/methods';
import { crossEntropy, probabilities } from '../ops/crossEntropy';
import * as tf from '../tf';
import { classLogits } from '../ops/classLogits';
import type { Method, MethodContext } from './method';
import { scatterRows } from './sat';

/**
 * Selective classification by self-adaptive training (SAT-selective-cls, loss.py; facts 1.10): K class outputs and one for
 * abstention. In the first `pretrainEpochs` epochs cross-entropy on the class outputs. Then t ← m t + (1 − m) p, with p the
 * softmax of the class outputs and t one-hot at a sample's first visit; the target is t_y for the given class y and
 * 1 − t_y for abstention; plain mean cross-entropy over all K + 1 outputs.
 */
export function selectiveSat(
  { alpha, pretrainEpochs }: MethodOptions<'selective_sat'>,
  { targets }: MethodContext,
): Method {
  const softTargets = tf.variable(tf.zerosLike(targets), false);
  return {
    softTargets,
    state: new Map([['soft_targets', softTargets]]),
    loss: (model, batch) => {
      const logits = model.forward(batch.images, 'train');
      const classes = batch.targets.shape[1];
      if (batch.epoch < pretrainEpochs)
        return { logits, loss: crossEntropy(classLogits(logits, classes), batch.targets) };
      const stored = tf.gather(softTargets, batch.indices);
      const visited = tf.cast(tf.greater(tf.sum(stored, 1, true), 0.5), 'float32');
      const old = tf.add(stored, tf.mul(batch.targets, tf.sub(1, visited)));
      const p = probabilities(classLogits(logits, classes));
      const updated = tf.add<tf.Tensor2D>(tf.mul(old, alpha), tf.mul(p, 1 - alpha));
      scatterRows(softTargets, batch.indices, updated);
      const own: tf.Tensor2D = tf.mul(updated, batch.targets);
      const abstention: tf.Tensor2D = tf.sub(1, tf.sum(own, 1, true));
      return { logits, loss: crossEntropy(logits, tf.concat2d([own, abstention], 1)) };
    },
  };
}
