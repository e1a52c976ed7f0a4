import type { Batch, Method } from './methods/method';
import type { Model } from './models/model';
import type { Optimizer } from './optimizers/optimizer';
import * as tf from './tf';

/** Loss of a batch before its update, in nats, and the predicted classes of its train-mode logits. */
export interface StepResult {
  loss: number;
  predictions: Int32Array;
}

/** Loss, its gradients by weight name, and the logits of one batch. The caller disposes of the tensors. */
export function lossAndGradients(model: Model, method: Method, batch: Batch) {
  const trainable = model.weights.filter((weight) => weight.trainable);
  let logits: tf.Tensor2D | undefined;
  const { value: loss, grads } = tf.variableGrads(
    () => {
      const result = method.loss(model, batch);
      logits = tf.keep(result.logits);
      return result.loss;
    },
    trainable.map((weight) => weight.variable),
  );
  if (!logits) throw new Error('the method made no logits');
  const gradients = new Map(
    trainable.map(({ name, variable }) => {
      const gradient = grads[variable.name];
      if (!gradient) throw new Error(`${name} has no gradient`);
      return [name, gradient];
    }),
  );
  return { loss, gradients, logits };
}

/** One forward pass, backward pass and update. */
export function trainStep(
  model: Model,
  method: Method,
  optimizer: Optimizer,
  batch: Batch,
  learningRate: number,
): StepResult {
  return tf.tidy(() => {
    const { loss, gradients, logits } = lossAndGradients(model, method, batch);
    optimizer.step(gradients, learningRate);
    const predictions = tf.argMax(logits, 1).dataSync<'int32'>();
    logits.dispose();
    return { loss: loss.dataSync()[0] ?? NaN, predictions };
  });
}
