import * as z from 'zod';
import { processSchema } from './run';

/**
 * What stands in `<runs>/.sweeps/` until a sweep is finished: what it takes to go on with it, and who works on it. A
 * process that is gone tells of an interruption.
 */
export const sweepRecordSchema = z.looseObject({
  version: z.int(),
  /** The group of its runs. */
  group: z.string(),
  /** The configuration file, absolute, or `preset:NAME`. */
  config: z.string(),
  /** `key.path=value`, as for `--set`. */
  settings: z.array(z.string()).default([]),
  /** How many runs at a time. */
  jobs: z.int().min(1),
  /** Null: nobody works on it, and that was somebody's will. */
  process: processSchema.nullable(),
});
export type SweepRecord = z.output<typeof sweepRecordSchema>;
