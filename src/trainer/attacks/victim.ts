import type { Model } from '../models/model';
import { oneHot } from '../ops/crossEntropy';
import { NumpyRandom } from '../random';
import type { Compile, Program } from '../runtimes/program';
import * as tf from '../tf';
import { Problem } from '../problem';
import { classesNeeded, pixelLosses, type PixelLoss, type PixelLossName } from './losses';

/** Images and their labels, row by row on the host. Pixels in [0, 1], [n · h · w · c]. */
export interface Points {
  images: Float32Array;
  labels: Int32Array;
}

/** What one gradient tells. */
export interface PixelGradient {
  /** [n] */
  loss: Float32Array;
  /** Of each image's loss with respect to its own pixels. [n · h · w · c] */
  gradient: Float32Array;
  /** [n · classes] */
  logits: Float32Array;
}

/** A network in eval mode, as attacks see it. Each call lets signals in, and is where an attack can be stopped. */
export interface Victim {
  /** [height, width, channels] */
  readonly shape: readonly [number, number, number];
  readonly classes: number;
  /** @returns [n · classes] */
  logits(images: Float32Array): Promise<Float32Array>;
  /** @param targets classes that a targeted loss prefers. [n] @throws Problem when there are too few classes for the loss */
  gradient(loss: PixelLossName, points: Points, targets?: Int32Array): Promise<PixelGradient>;
}

interface GradientInputs extends tf.NamedTensorMap {
  images: tf.Tensor;
  labels: tf.Tensor;
  targets: tf.Tensor;
}

/** Eval-mode logits without the output of an abstaining model that is no class. */
function classLogits(model: Model, images: tf.Tensor, classes: number): tf.Tensor2D {
  const logits = model.forward(images as tf.Tensor4D, 'eval');
  return logits.shape[1] === classes ? logits : tf.slice(logits, [0, 0], [-1, classes]);
}

/** The gradient of a loss with respect to the images, as a program of the runtime. */
export function createInputGradient(
  model: Model,
  classes: number,
  loss: PixelLoss,
  compile: Compile,
): Program<GradientInputs, { loss: tf.Tensor; gradient: tf.Tensor; logits: tf.Tensor }> {
  return compile(({ images, labels, targets }: GradientInputs) => {
    const kept: tf.Tensor[] = [];
    const gradient = tf.grad((x) => {
      const logits = classLogits(model, x, classes);
      const losses = loss(logits, labels as tf.Tensor2D, targets as tf.Tensor2D);
      kept.push(tf.keep(losses), tf.keep(logits));
      return tf.sum(losses);
    })(images);
    const [losses, logits] = kept.map((tensor) => {
      // What was kept is disposed of here, and what goes out is the caller's.
      const copy = tf.clone(tensor);
      tensor.dispose();
      return copy;
    });
    if (!losses || !logits) throw new Error('unreachable');
    return { loss: losses, gradient, logits };
  });
}

/**
 * @param between awaited before each call; what it throws ends the attack
 */
export function createVictim(
  model: Model,
  { shape, classes }: Pick<Victim, 'shape' | 'classes'>,
  compile: Compile,
  between: () => Promise<void>,
): Victim {
  const images = (pixels: Float32Array) => tf.tensor4d(pixels, [pixels.length / sizeOf(shape), ...shape]);
  const forward = compile(({ images }: { images: tf.Tensor }) => ({
    logits: classLogits(model, images, classes),
  }));
  const gradients = new Map<PixelLossName, ReturnType<typeof createInputGradient>>();
  const gradientOf = (name: PixelLossName) => {
    const known = gradients.get(name);
    if (known) return known;
    const made = createInputGradient(model, classes, pixelLosses[name], compile);
    gradients.set(name, made);
    return made;
  };
  // Neither program draws random numbers.
  const call = { epoch: 0, random: new NumpyRandom(0) };
  return {
    shape,
    classes,
    async logits(pixels) {
      await between();
      return tf.tidy(() => forward({ images: images(pixels) }, call).logits.dataSync<'float32'>());
    },
    async gradient(name, points, targets = points.labels) {
      if (classes < classesNeeded[name]) {
        throw new Problem(
          `This attack needs ${classesNeeded[name]} classes, the data have ${classes}. Choose one of apgd-ce, pgd or square.`,
        );
      }
      await between();
      const inputs = {
        images: images(points.images),
        labels: oneHot(points.labels, classes),
        targets: oneHot(targets, classes),
      };
      const outputs = gradientOf(name)(inputs, call);
      // Not inside tf.tidy: it looks for tensors in each number of an array that it returns.
      const read = {
        loss: outputs.loss.dataSync<'float32'>(),
        gradient: outputs.gradient.dataSync<'float32'>(),
        logits: outputs.logits.dataSync<'float32'>(),
      };
      tf.dispose([inputs, outputs]);
      return read;
    },
  };
}

/** Numbers in one image. */
export function sizeOf([height, width, channels]: Victim['shape']): number {
  return height * width * channels;
}
