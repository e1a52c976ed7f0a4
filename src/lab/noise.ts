import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { runFiles } from '../protocol/run';

const summarySchema = z.looseObject({
  type: z.string(),
  /** Labels that are wrong, or images that are replaced. */
  count: z.int(),
  /** Share of the whole training set's labels that are wrong, in [0, 1]; images' noise has none. */
  trueErrorRate: z.number().optional(),
  /** Row: true class, column: given class, entry: share of the row's samples, in [0, 1]. [K, K] */
  transitionMatrix: z.array(z.array(z.number())).optional(),
});
export type NoiseSummary = Pick<
  z.output<typeof summarySchema>,
  'type' | 'count' | 'trueErrorRate' | 'transitionMatrix'
>;

/** What a run's `noise.json` says of its noise as a whole; undefined without noise, or before it was drawn. */
export async function readNoise(runFolder: string): Promise<NoiseSummary | undefined> {
  try {
    const { type, count, trueErrorRate, transitionMatrix } = summarySchema.parse(
      JSON.parse(await readFile(join(runFolder, runFiles.noise), 'utf8')),
    );
    return { type, count, trueErrorRate, transitionMatrix };
  } catch {
    return undefined;
  }
}
