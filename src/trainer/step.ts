import type { Batch, Method } from './methods/method';
import { withRandom, type Model } from './models/model';
import type { Optimizer } from './optimizers/optimizer';
import { scalarTensors } from './optimizers/slots';
import { eager, type Call, type Compile, type Moment } from './runtimes/program';
import * as tf from './tf';

/** One mini-batch as it is handed to a step; what of it is an image tensor is up to `imagesOf`. */
export interface StepInputs extends tf.NamedTensorMap {
  /** One-hot of the given labels. [n, K] */
  targets: tf.Tensor;
  /** Rows of the whole training set that these samples are. int32 [n] */
  indices: tf.Tensor;
}

/** Loss of a batch before its update, in nats, and how many of its train-mode predictions are the given label. */
export interface StepResult {
  loss: number;
  correct: number;
}

export type TrainStep = (inputs: StepInputs, call: Call, learningRate: number) => StepResult;

/** Loss, its gradients by weight name, and the logits of one batch. The caller disposes of the tensors. */
export function lossAndGradients(given: Model, method: Method, batch: Batch) {
  const model = withRandom(given, batch.random);
  const seen = method.prepare?.(model, batch) ?? batch;
  const trainable = [...model.weights, ...(method.weights ?? [])].filter((weight) => weight.trainable);
  let logits: tf.Tensor2D | undefined;
  const { value: loss, grads } = tf.variableGrads(
    () => {
      const result = method.loss(model, seen);
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

/**
 * One forward pass, backward pass and update, as a program of the runtime.
 * @param imagesOf the batch's images from a step's inputs. [n, h, w, c], pixels in [0, 1]
 */
export function createTrainStep(
  { model, method, optimizer }: { model: Model; method: Method; optimizer: Optimizer },
  compile: Compile = eager,
  imagesOf: (inputs: tf.NamedTensorMap) => tf.Tensor4D = ({ images }) => images as tf.Tensor4D,
): TrainStep {
  const program = compile((inputs: tf.NamedTensorMap, moment: Moment) => {
    // The inputs below are the ones that this function hands to the program.
    const { targets, indices, ...others } = inputs as StepInputs;
    const batch: Batch = {
      images: imagesOf(others),
      targets: targets as tf.Tensor2D,
      indices: indices as tf.Tensor1D,
      random: moment.random,
      // Read only where a method asks for it: what depends on the epoch is recorded anew for each.
      get epoch() {
        return moment.epoch;
      },
    };
    const { loss, gradients, logits } = lossAndGradients(model, method, batch);
    optimizer.update(gradients, others);
    const hits = tf.equal(tf.argMax(logits, 1), tf.argMax(targets, 1));
    const correct = tf.sum(tf.cast(hits, 'float32'));
    logits.dispose();
    return { loss, correct };
  });
  return (inputs, call, learningRate) =>
    tf.tidy(() => {
      const scalars = scalarTensors(optimizer.scalars(learningRate));
      const { loss, correct } = program({ ...inputs, ...scalars }, call);
      optimizer.steps += 1;
      return { loss: valueOf(loss), correct: valueOf(correct) };
    });
}

function valueOf(scalar: tf.Tensor): number {
  return scalar.dataSync()[0] ?? NaN;
}
