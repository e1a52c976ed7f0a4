import * as z from 'zod';
import { attackSchema } from './attacks';
import { dataSchema, seedSchema } from './data';
import { methodSchema } from './methods';
import { modelSchema } from './models';
import { optimizerSchema } from './optimizers';

/** The version of every JSON document that is written. A reader meets a newer one with a message. */
export const documentVersion = 1;

const evaluate = z.strictObject({
  every: z.int().min(1).default(1).describe('Evaluate after every n-th epoch, and after the last one.'),
  selective: z
    .boolean()
    .default(false)
    .describe('Report risk against coverage by softmax response. Methods that abstain report theirs in any case.'),
  attacks: z
    .array(attackSchema)
    .default([])
    .refine((attacks) => new Set(attacks.map(({ name }) => name)).size === attacks.length, {
      error: 'each attack once, since its metric goes by its name',
    })
    .describe('Attacks for test/robust_accuracy/…, such as { "name": "pgd20", "limit": 500 }.'),
});

const checkpoint = z.strictObject({
  every: z.int().min(1).default(10).describe('Write a checkpoint after every n-th epoch, and after the last one.'),
  keep: z.int().min(1).default(3).describe('How many of these to keep; the best and the latest are kept besides.'),
  best: z
    .string()
    .default('test/accuracy')
    .describe('The metric whose best value keeps best.safetensors (of a loss or a risk: the lowest), or “none”.'),
});

/** One run's configuration with every default filled in. */
export const configSchema = z.strictObject({
  version: z.literal(documentVersion).default(documentVersion),
  name: z.string().default('').describe('A title in your own words. Empty: made from the settings.'),
  notes: z.string().default('').describe('Anything worth remembering. Does not change the run.'),
  tags: z.array(z.string()).default([]).describe('Words to find the run by. They do not change it.'),
  method: methodSchema.prefault({ name: 'sat' }),
  data: dataSchema.prefault({ name: 'digits' }),
  model: modelSchema.prefault({ name: 'small-cnn' }),
  optimizer: optimizerSchema.prefault({ name: 'sgd' }),
  epochs: z.int().min(1).default(40).describe('Passes over the training set.'),
  batchSize: z.int().min(2).default(128).describe('Images a step; the last, smaller batch of an epoch is kept.'),
  seed: seedSchema.default(0).describe('Seed of the initial weights, the order of the samples and the augmentation.'),
  metrics: z
    .strictObject({ every: z.int().min(1).default(10).describe('Report the running training loss every n steps.') })
    .prefault({}),
  evaluate: evaluate.prefault({}),
  checkpoint: checkpoint.prefault({}),
  runtime: z
    .enum(['auto', 'tensorflow', 'wasm'])
    .default('auto')
    .describe('What computes: TensorFlow, the embedded wasm runtime, or the best that is there.'),
  device: z.enum(['auto', 'cpu', 'gpu']).default('auto').describe('"gpu" refuses to run on anything else.'),
});
export type RunConfig = z.output<typeof configSchema>;

/** A `*.sat.json` file: a configuration, what it extends, and the grid that makes it a sweep. */
export const configFileSchema = configSchema.extend({
  $schema: z.string().optional().describe('Ignored; lets other editors find the schema.'),
  extends: z
    .string()
    .optional()
    .describe('A configuration to start from: a file, relative to this one, or “preset:NAME”.'),
  sweep: z
    .record(z.string(), z.array(z.unknown()).min(1))
    .optional()
    .describe('A grid: for each path in the configuration, the values to try.'),
});

/** The JSON Schema of `*.sat.json` files, for completion and squiggles. Defaults are not required. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(configFileSchema, { io: 'input', target: 'draft-7' });
}
