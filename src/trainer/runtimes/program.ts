import { NumpyRandom } from '../random';
import * as tf from '../tf';

/**
 * Random numbers inside a program, as tensors: a program that was recorded draws new ones each time it runs. Draws come
 * from the call's generator in the order of the calls.
 */
export interface StepRandom {
  /** Standard normal numbers, NumPy's `standard_normal`. */
  normal(shape: number[]): tf.Tensor;
  /** Uniform numbers in [0, 1), NumPy's `random_sample`. */
  uniform(shape: number[]): tf.Tensor;
  /** A share in [0, 1], NumPy's `beta`. A scalar. */
  beta(a: number, b: number): tf.Scalar;
  /** A permutation of 0 … n − 1. int32 [n] */
  permutation(n: number): tf.Tensor1D;
}

/** What a call of a program depends on besides its tensors. */
export interface Moment {
  /** 0-based. */
  readonly epoch: number;
  readonly random: StepRandom;
}

/** The same, as the caller gives it. */
export interface Call {
  epoch: number;
  /** Where the random numbers of this call come from. */
  random: NumpyRandom;
}

/**
 * The inside of a program: computes tensors from tensors, and may assign variables. Whatever changes from call to call
 * must come in through `inputs` or `moment`: a runtime may record the operations of one call and repeat them.
 */
export type Body<I extends tf.NamedTensorMap, O extends tf.NamedTensorMap> = (inputs: I, moment: Moment) => O;

/** Runs a body. The caller disposes of inputs and outputs. */
export type Program<I extends tf.NamedTensorMap, O extends tf.NamedTensorMap> = (inputs: I, call: Call) => O;

/** Turns a body into a program, as fast as the runtime can make it. */
export type Compile = <I extends tf.NamedTensorMap, O extends tf.NamedTensorMap>(body: Body<I, O>) => Program<I, O>;

/** Runs a body's operations one by one, each time anew. */
export const eager: Compile =
  (body) =>
  (inputs, { epoch, random }) =>
    tf.tidy(() => body(inputs, { epoch, random: drawFrom(random) }));

/** What a draw makes: values and their shape. */
export interface Draw {
  shape: number[];
  values: (random: NumpyRandom) => Float32Array | Int32Array;
}

/** A source of draws that hands each one to `use`, which makes a tensor of it. */
export function stepRandom(use: (draw: Draw) => tf.Tensor): StepRandom {
  const fill = (shape: number[], next: (random: NumpyRandom) => number): Draw => ({
    shape,
    values: (random) => Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => next(random)),
  });
  return {
    normal: (shape) => use(fill(shape, (random) => random.randn())),
    uniform: (shape) => use(fill(shape, (random) => random.random())),
    beta: (a, b) => use(fill([], (random) => random.beta(a, b))) as tf.Scalar,
    permutation: (n) => use({ shape: [n], values: (random) => random.permutation(n) }) as tf.Tensor1D,
  };
}

/** The tensor of a draw's values. */
export function drawnTensor({ shape, values }: Draw, random: NumpyRandom): tf.Tensor {
  const drawn = values(random);
  return tf.tensor(drawn, shape, drawn instanceof Int32Array ? 'int32' : 'float32');
}

/** Random numbers that are drawn when they are asked for. */
export function drawFrom(random: NumpyRandom): StepRandom {
  return stepRandom((draw) => drawnTensor(draw, random));
}

/** Random numbers that are the same each time, for one call outside of a program. */
export function fixedRandom(seed: number): StepRandom {
  return drawFrom(new NumpyRandom(seed));
}
