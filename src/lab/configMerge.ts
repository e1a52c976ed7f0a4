import type * as z from 'zod';
import { dataSchema, noiseSchema } from '../protocol/data';
import { methodSchema } from '../protocol/methods';
import { modelSchema } from '../protocol/models';
import { optimizerSchema, scheduleSchema } from '../protocol/optimizers';

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Choice {
  /** The key whose value selects the options. */
  key: 'name' | 'type';
  options: readonly z.ZodObject[];
}

/** The places of a configuration where a name selects what other keys there may be. */
const choices: Record<string, Choice> = {
  method: { key: 'name', options: methodSchema.options },
  data: { key: 'name', options: dataSchema.options },
  'data.noise': { key: 'type', options: noiseSchema.options },
  model: { key: 'name', options: modelSchema.options },
  optimizer: { key: 'name', options: optimizerSchema.options },
  'optimizer.schedule': { key: 'name', options: scheduleSchema.options },
};

/**
 * Puts one layer of a configuration over another: objects merge deeply, arrays and scalars replace, null removes.
 * Where a layer changes a name that selects options, the options that the new choice does not have are dropped.
 */
export function mergeConfig(base: JsonObject, layer: JsonObject, path: readonly string[] = []): JsonObject {
  const result: JsonObject = { ...withoutForeignOptions(base, layer, path.join('.')) };
  for (const [key, value] of Object.entries(layer)) {
    if (value === null) {
      // Defining undefined would leave the key behind for the strict schema to trip over.
      Reflect.deleteProperty(result, key);
    } else if (isObject(value)) {
      const below = result[key];
      result[key] = mergeConfig(isObject(below) ? below : {}, value, [...path, key]);
    } else {
      result[key] = value;
    }
  }
  return result;
}

function withoutForeignOptions(base: JsonObject, layer: JsonObject, path: string): JsonObject {
  const choice = choices[path];
  const selected = choice && layer[choice.key];
  if (!choice || selected === undefined || selected === base[choice.key]) return base;
  const option = choice.options.find(
    ({ shape }) => (shape[choice.key] as z.ZodType | undefined)?.safeParse(selected).success,
  );
  if (!option) return base;
  return Object.fromEntries(Object.entries(base).filter(([key]) => key in option.shape));
}

/** A layer that sets one path, such as `data.noise.rate`. */
export function layerAt(path: string, value: unknown): JsonObject {
  return path
    .split('.')
    .reverse()
    .reduce<unknown>((inner, key) => ({ [key]: inner }), value) as JsonObject;
}

/** All combinations of a sweep's values, in order, later keys fastest: what each sets, by path. */
export function sweepSettings(sweep: Record<string, readonly unknown[]>): JsonObject[] {
  let cells: JsonObject[] = [{}];
  for (const [path, values] of Object.entries(sweep)) {
    cells = cells.flatMap((cell) => values.map((value) => ({ ...cell, [path]: value })));
  }
  return cells;
}
