import type { Weight } from '../models/weights';
import * as tf from '../tf';

/** A zero variable of each weight's shape. */
export function zeroSlots(weights: readonly Weight[]): Map<string, tf.Variable> {
  return new Map(weights.map(({ name, variable }) => [name, tf.variable(tf.zerosLike(variable), false)]));
}

/** @throws when a weight has no entry: gradients and slots are made from the same list, so this is a mistake here. */
export function slotOf<T>(slots: ReadonlyMap<string, T>, name: string): T {
  const slot = slots.get(name);
  if (slot === undefined) throw new Error(`${name} has no entry`);
  return slot;
}

/** One of the scalars that an optimiser asked for. @throws when it is not there: the optimiser named it itself. */
export function scalarOf(scalars: tf.NamedTensorMap, name: string): tf.Tensor {
  const scalar = scalars[name];
  if (scalar === undefined) throw new Error(`the update got no ${name}`);
  return scalar;
}

/** The tensors of an optimiser's scalars, as its update takes them. */
export function scalarTensors(scalars: Record<string, number>): tf.NamedTensorMap {
  const tensors: tf.NamedTensorMap = {};
  for (const [name, value] of Object.entries(scalars)) tensors[name] = tf.scalar(value);
  return tensors;
}
