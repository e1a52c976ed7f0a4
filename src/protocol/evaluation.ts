import * as z from 'zod';
import { attackSchema, type AttackConfig } from './attacks';

/** What an evaluation does to the images: an attack, or nothing. How many images is said by the evaluation alone. */
export type EvaluationAttack = { name: 'none' } | AttackConfig;
export const evaluationAttackSchema: z.ZodType<EvaluationAttack> = z.union([
  z.strictObject({ name: z.literal('none') }),
  attackSchema.refine(({ limit }) => limit === undefined, {
    path: ['limit'],
    error: 'the evaluation says how many images, not its attack',
  }),
]);

/** How many images were looked at, how many are classified right, and how many still are when attacked. */
export const countsSchema = z.object({ total: z.int(), correct: z.int(), robust: z.int() });
export type Counts = z.output<typeof countsSchema>;

export const runtimeNames = ['auto', 'tensorflow', 'wasm'] as const;
export const deviceNames = ['auto', 'cpu', 'gpu'] as const;

/**
 * `evaluation.json`. The folder `evaluations` lies beside the checkpoint's folder: `checkpoint` is relative to the folder
 * that holds `evaluations`, so that a run's folder can be moved. Times are in Unix seconds.
 */
export const evaluationRecordSchema = z.looseObject({
  version: z.int(),
  id: z.string(),
  checkpoint: z.string(),
  /** Of the checkpoint, as its header says. */
  step: z.int(),
  epoch: z.int(),
  /** SHA-256 of the checkpoint's file, which may be replaced while its name stays; null: an older version did not tell. */
  fingerprint: z.string().nullable().default(null),
  /** The data set's part of the run's configuration, `root` where the files are now; its test images are looked at. */
  data: z.record(z.string(), z.unknown()),
  /** The first n test images; null: all of them. */
  limit: z.int().nullable().default(null),
  /** Kept as it was written: what a newer version has attacked with is still listed. */
  attack: z.looseObject({ name: z.string() }),
  /** Whether perturbed images are kept. */
  saveImages: z.boolean().default(false),
  runtime: z.enum(runtimeNames).default('auto'),
  device: z.enum(deviceNames).default('auto'),
  counts: countsSchema.nullable().default(null),
  started: z.number().nullable().default(null),
  ended: z.number().nullable().default(null),
});
export type EvaluationRecord = z.output<typeof evaluationRecordSchema>;

/** The columns of `samples.csv`: numbers but for the attack that fooled an image. */
export const sampleColumns = ['index', 'label', 'prediction', 'perturbed_prediction', 'fooled_by', 'attacks'] as const;

/** The folder of all evaluations, and file names inside the folder of one. */
export const evaluationsFolder = 'evaluations';
export const evaluationFiles = {
  record: 'evaluation.json',
  events: 'events.ndjson',
  log: 'trainer.log',
  /** Which process computes; written by whoever starts it. */
  process: 'process.json',
  /** One row for each image: what it was taken for, before and after the attack. */
  samples: 'samples.csv',
  /** Float32 [n, h, w, c] in [0, 1]. */
  images: 'adversarial-images.npy',
  /** What a stop has left of a batch; of no use once that batch is through. */
  stopped: 'stopped.safetensors',
  stopRequest: 'stop',
} as const;
