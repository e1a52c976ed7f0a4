import * as z from 'zod';
import { processSchema } from './run';

/**
 * What stands in `<runs>/.sweeps/` while a sweep is going on: what it takes to go on with it, and who works on it. A
 * file whose process is gone tells of a sweep that was interrupted; one that ended, or was stopped, leaves none.
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
  process: processSchema,
});
export type SweepRecord = z.output<typeof sweepRecordSchema>;
