import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { writeAtomic } from '../../formats/atomicFile';
import { decodeSafetensors, encodeSafetensors, type Tensor } from '../../formats/safetensors';
import type { Normalization } from '../data/types';
import type { Method } from '../methods/method';
import type { Model } from '../models/model';
import { fromFileLayout, toFileLayout, type Layout } from '../models/weights';
import type { Optimizer } from '../optimizers/optimizer';
import { Problem } from '../problem';
import * as tf from '../tf';

/** Everything of a run that changes while it trains, besides the tensors. */
export interface Progress {
  /** Optimiser steps done. */
  step: number;
  /** Epochs finished. */
  epoch: number;
  /** Sums since the last event with the running training metrics: resuming must not lose part of a mean. */
  running: { loss: number; correct: number; samples: number };
  /** Best value so far of the metric that chooses best.safetensors. */
  best: number | null;
  /** Best accuracy so far on the validation samples, and the test accuracy of that epoch. */
  bestValidation: { validation: number; test: number } | null;
}

const numberText = z.string().transform(Number).pipe(z.number());

/** A string that holds JSON. */
const jsonText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'is not JSON' });
    return z.NEVER;
  }
});

/** The header's metadata are strings, by the format's definition. */
const metadataSchema = z.object({
  step: numberText.pipe(z.int().min(0)),
  epoch: numberText.pipe(z.int().min(0)),
  optimizer_steps: numberText.pipe(z.int().min(0)),
  running: jsonText.pipe(z.object({ loss: z.number(), correct: z.number(), samples: z.number() })),
  best: jsonText.pipe(z.number().nullable()),
  /** Checkpoints of earlier versions do not tell. */
  data: z.string().optional(),
  best_validation: jsonText.pipe(z.object({ validation: z.number(), test: z.number() }).nullable()).prefault('null'),
});

/** The parts of a run that a checkpoint holds. */
export interface Trained {
  model: Model;
  optimizer: Optimizer;
  method: Method;
}

interface Entry {
  name: string;
  variable: tf.Variable;
  layout: Layout;
}

/** Every tensor of a checkpoint with its name in the file: one list, which saving and loading both walk. */
function entries({ model, optimizer, method }: Trained): Entry[] {
  const weights = [...model.weights, ...(method.weights ?? [])];
  const layouts = new Map(weights.map(({ name, layout }) => [name, layout]));
  const slots = [...optimizer.slots].flatMap(([slot, variables]) =>
    [...variables].map(([weight, variable]) => ({
      name: `optimizer/${slot}/${weight}`,
      variable,
      layout: layouts.get(weight) ?? ('plain' as const),
    })),
  );
  const state = [...method.state].map(([name, variable]) => ({ name, variable, layout: 'plain' as const }));
  return [...weights, ...slots, ...state];
}

export interface CheckpointContext {
  config: unknown;
  normalization: Normalization;
  seed: number;
  /** Fingerprint of what is trained on. */
  data: string;
}

/**
 * Writes a checkpoint so that its file name never names half a file. Weights have their PyTorch `state_dict` names and
 * layouts. `rng/position` is [seed, epoch, step]: every random number of a run is drawn from a generator seeded by
 * these, so they are the whole state.
 * @throws the file system's error
 */
export async function saveCheckpoint(
  file: string,
  trained: Trained,
  progress: Progress,
  { config, normalization, seed, data }: CheckpointContext,
): Promise<void> {
  const tensors = new Map<string, Tensor>();
  for (const { name, variable, layout } of entries(trained)) {
    const { shape, data } = tf.tidy(() => {
      const value = toFileLayout(variable, layout);
      return { shape: value.shape, data: value.dataSync<'float32'>() };
    });
    tensors.set(name, { dtype: 'F32', shape, data });
  }
  const position = BigInt64Array.from([seed, progress.epoch, progress.step].map(BigInt));
  tensors.set('rng/position', { dtype: 'I64', shape: [3], data: position });
  const metadata = {
    format: 'pt',
    version: '1',
    config: JSON.stringify(config),
    normalization: JSON.stringify(normalization),
    step: String(progress.step),
    epoch: String(progress.epoch),
    data,
    optimizer_steps: String(trained.optimizer.steps),
    running: JSON.stringify(progress.running),
    best: JSON.stringify(progress.best),
    best_validation: JSON.stringify(progress.bestValidation),
  };
  await writeAtomic(file, Buffer.from(encodeSafetensors(tensors, metadata)));
}

/**
 * Puts a checkpoint's tensors into a model, its optimiser and its method.
 * @param data fingerprint of what is to be trained on
 * @returns where the run was
 * @throws Problem when the file is not a checkpoint of this configuration, or of training on other data
 */
export async function loadCheckpoint(
  file: string,
  trained: Trained,
  data: CheckpointContext['data'],
): Promise<Progress> {
  const { tensors, metadata } = decodeSafetensors(await readFile(file), file);
  const header = metadataSchema.safeParse(metadata);
  if (!header.success) {
    const [issue] = header.error.issues;
    throw new Problem(
      `${file} is not a checkpoint of SAT Lab, or damaged: ${issue?.path.join('.') ?? ''} in its metadata: ${issue?.message ?? 'wrong'}.`,
    );
  }
  if (header.data.data !== undefined && header.data.data !== data) {
    throw new Problem(
      `${file} comes from training on other data: the files of the data set or of the noise have changed since. Put the earlier ones back, or start the run anew.`,
    );
  }
  assignAll(entries(trained), tensors, file);
  const { step, epoch, running, best, best_validation: bestValidation, optimizer_steps } = header.data;
  trained.optimizer.steps = optimizer_steps;
  return { step, epoch, running, best, bestValidation };
}

/** Puts a checkpoint's weights into a model. @param file its name, for messages @throws Problem when they do not fit it */
export function loadModel(bytes: Uint8Array, file: string, { weights }: Model): void {
  assignAll(weights, decodeSafetensors(bytes, file).tensors, file);
}

function assignAll(all: readonly Entry[], tensors: ReadonlyMap<string, Tensor>, file: string): void {
  for (const { name, variable, layout } of all) {
    const tensor = tensors.get(name);
    if (!tensor) throw new Problem(`${file} has no tensor ${name}: it belongs to another configuration.`);
    if (!(tensor.data instanceof Float32Array)) throw new Problem(`${file}: ${name} is ${tensor.dtype}, expected F32.`);
    if (!tensor.data.every(Number.isFinite)) {
      throw new Problem(
        `${file}: ${name} has values that are not finite: its training diverged, or the file is damaged. Choose an earlier checkpoint.`,
      );
    }
    assign(variable, tensor.data, tensor.shape, layout, `${file}: ${name}`);
  }
}

/** Sets a variable from values in the file's layout. @throws Problem naming `what` when the shapes differ */
export function assign(variable: tf.Variable, data: Float32Array, shape: number[], layout: Layout, what: string): void {
  tf.tidy(() => {
    const value = fromFileLayout(tf.tensor(data, shape), layout);
    if (value.shape.join() !== variable.shape.join()) {
      throw new Problem(`${what} has the shape [${shape.join(', ')}], which does not fit this model.`);
    }
    variable.assign(value);
  });
}
