import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type * as z from 'zod';
import { decodeSafetensors, type Tensor } from '../../src/formats/safetensors';
import * as tf from '../../src/trainer/tf';

/** One recorded computation of the authors' code: scalars in case.json, tensors beside it. */
export class Fixture {
  private readonly tensors: Map<string, Tensor>;
  private readonly json: unknown;

  constructor(
    /** The folder that holds all cases and the digits. */
    readonly root: string,
    readonly name: string,
  ) {
    this.json = JSON.parse(readFileSync(join(root, name, 'case.json'), 'utf8'));
    this.tensors = readTensors(join(root, name, 'tensors.safetensors'));
  }

  /** The scalars, checked. */
  scalars<T extends z.ZodType>(schema: T): z.output<T> {
    return schema.parse(this.json);
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  floats(name: string): Float32Array {
    const { data } = this.tensor(name);
    if (!(data instanceof Float32Array)) throw new Error(`${this.name}: ${name} does not hold floats`);
    return data;
  }

  integers(name: string): Int32Array {
    const { data } = this.tensor(name);
    if (!(data instanceof Int32Array)) throw new Error(`${this.name}: ${name} does not hold integers`);
    return data;
  }

  /** Truth values, 0 or 1. */
  bytes(name: string): Uint8Array {
    const { data } = this.tensor(name);
    if (!(data instanceof Uint8Array)) throw new Error(`${this.name}: ${name} does not hold bytes`);
    return data;
  }

  shape(name: string): number[] {
    return this.tensor(name).shape;
  }

  private tensor(name: string): Tensor {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`${this.name} has no tensor ${name}`);
    return tensor;
  }
}

function readTensors(file: string): Map<string, Tensor> {
  return decodeSafetensors(readFileSync(file), file).tensors;
}

/** Names of all cases in a folder. */
export function casesIn(root: string): string[] {
  return readdirSync(root)
    .filter((name) => existsSync(join(root, name, 'case.json')))
    .sort();
}

/** The digits that every trajectory is trained on. Images as [n, 8, 8, 1] in [0, 1]. */
export function readDigits(root: string): { images: tf.Tensor4D; labels: Int32Array } {
  const tensors = readTensors(join(root, 'digits.safetensors'));
  const images = tensors.get('images');
  const labels = tensors.get('labels');
  if (!(images?.data instanceof Float32Array) || !(labels?.data instanceof Int32Array)) {
    throw new Error(`${root}/digits.safetensors has no images or labels`);
  }
  // One channel: NCHW and NHWC hold the same numbers in the same order.
  return { images: tf.tensor4d(images.data, [labels.data.length, 8, 8, 1]), labels: labels.data };
}

/** One comparison of a replay: the largest deviation, and the largest that is allowed. */
export interface Check {
  what: string;
  deviation: number;
  tolerance: number;
}

export function passes({ deviation, tolerance }: Check): boolean {
  return deviation <= tolerance;
}

/** Largest absolute difference; NaN anywhere makes it infinite. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i += 1) {
    const difference = Math.abs((a[i] ?? NaN) - (b[i] ?? NaN));
    if (Number.isNaN(difference)) return Infinity;
    if (difference > largest) largest = difference;
  }
  return largest;
}
