import type { MethodOptions } from '../../protocol/methods';
import { signedSteps } from '../attacks/signedSteps';
import type { Model } from '../models/model';
import { crossEntropy } from '../ops/crossEntropy';
import { klDivergence } from '../ops/divergence';
import * as tf from '../tf';
import { withChanges, type Batch, type BatchResult, type Method } from './method';

/** Standard deviation of the random start, in pixels of [0, 1]; the authors' number, no option of theirs. */
const startDeviation = 0.001;

/**
 * TRADES (Zhang et al., ICML 2019; the authors' losses/trades.py): CE(f(x), y) + β · mean KL(f(x) ‖ f(x')), where x'
 * maximises that divergence within the ε-ball. x' is made in eval mode; both terms are of train-mode forward passes of
 * their own, the natural one first, so that the running statistics see first x, then x'. Gradients flow through both.
 */
export function trades(options: MethodOptions<'trades'>): Method {
  return {
    state: new Map(),
    prepare: (model, batch) => perturbed(model, batch, options),
    loss: (model, batch) => tradesLoss(model, batch, options.beta, (logits) => crossEntropy(logits, batch.targets)),
  };
}

type Perturbation = Pick<MethodOptions<'trades'>, 'epsilon' | 'stepSize' | 'steps'>;

/** The batch with images x' that maximise KL(f(x) ‖ f(x')), begun at x + 0.001 · normal noise. */
export function perturbed(model: Model, batch: Batch, options: Perturbation): Batch {
  const { images, random } = batch;
  const natural = model.forward(images, 'eval');
  const start = tf.add<tf.Tensor4D>(images, tf.mul(random.normal(images.shape), startDeviation));
  const adversarial = signedSteps(model, images, start, (logits) => tf.sum(klDivergence(natural, logits)), options);
  return withChanges(batch, { adversarial });
}

/** The natural term, and β times the mean divergence. */
export function tradesLoss(
  model: Model,
  { images, adversarial }: Batch,
  beta: number,
  naturalTerm: (logits: tf.Tensor2D) => tf.Scalar,
): BatchResult {
  if (!adversarial) throw new Error('the batch was not prepared');
  const logits = model.forward(images, 'train');
  const adversarialLogits = model.forward(adversarial, 'train');
  const divergence = tf.mean<tf.Scalar>(klDivergence(logits, adversarialLogits));
  return { logits, loss: tf.add(naturalTerm(logits), tf.mul(divergence, beta)) };
}
