import type { Model } from '../models/model';
import { classLogits } from '../ops/classLogits';
import { oneHot } from '../ops/crossEntropy';
import { NumpyRandom } from '../random';
import { eager, type Compile, type Program } from '../runtimes/program';
import * as tf from '../tf';
import { pixelLosses, type PixelLoss, type PixelLossName } from './losses';

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
  /** @param targets classes that a targeted loss prefers. [n] */
  gradient(loss: PixelLossName, points: Points, targets?: Int32Array): Promise<PixelGradient>;
}

interface GradientInputs extends tf.NamedTensorMap {
  images: tf.Tensor;
  labels: tf.Tensor;
  targets: tf.Tensor;
}

/** Eval-mode logits without the output of an abstaining model that is no class. */
function forwardClasses(model: Model, images: tf.Tensor, classes: number): tf.Tensor2D {
  return classLogits(model.forward(images as tf.Tensor4D, 'eval'), classes);
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
      const logits = forwardClasses(model, x, classes);
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
  const size = sizeOf(shape);
  // A program that is recorded is one for each number of rows, and attacks have fewer and fewer left.
  const paddedRows = compile === eager ? (n: number) => n : nextOfFew;
  const imageTensor = (pixels: Float32Array) => {
    const rows = paddedRows(pixels.length / size);
    return tf.tensor4d(repeatLast(pixels, size, rows), [rows, ...shape]);
  };
  const classTensor = (labels: Int32Array) => oneHot(repeatLast(labels, 1, paddedRows(labels.length)), classes);
  const forward = compile(({ images }: { images: tf.Tensor }) => ({
    logits: forwardClasses(model, images, classes),
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
      const inputs = { images: imageTensor(pixels) };
      const outputs = forward(inputs, call);
      const logits = firstValues(outputs.logits, (pixels.length / size) * classes);
      tf.dispose([inputs, outputs]);
      return logits;
    },
    async gradient(name, { images, labels }, targets = labels) {
      await between();
      const inputs = { images: imageTensor(images), labels: classTensor(labels), targets: classTensor(targets) };
      const outputs = gradientOf(name)(inputs, call);
      const result = {
        loss: firstValues(outputs.loss, labels.length),
        gradient: firstValues(outputs.gradient, images.length),
        logits: firstValues(outputs.logits, labels.length * classes),
      };
      tf.dispose([inputs, outputs]);
      return result;
    },
  };
}

/** The next power of two up to 32, then the next multiple of 16: few sizes, and little that is computed for nothing. */
function nextOfFew(rows: number): number {
  return rows > 32 ? Math.ceil(rows / 16) * 16 : 2 ** Math.ceil(Math.log2(rows));
}

/** Rows with copies of the last one behind them. @param size values in one row */
function repeatLast<T extends Float32Array | Int32Array>(values: T, size: number, rows: number): T {
  const length = rows * size;
  if (values.length === length) return values;
  // Both kinds of array are made of a length.
  const padded = new (values.constructor as new (length: number) => T)(length);
  padded.set(values);
  const last = values.subarray(values.length - size);
  for (let from = values.length; from < length; from += size) padded.set(last, from);
  return padded;
}

/** A tensor's first values. Not to be read inside tf.tidy, which looks for tensors in each number of an array. */
function firstValues(tensor: tf.Tensor, count: number): Float32Array {
  const values = tensor.dataSync<'float32'>();
  return values.length === count ? values : values.slice(0, count);
}

/** Numbers in one image. */
export function sizeOf([height, width, channels]: Victim['shape']): number {
  return height * width * channels;
}
