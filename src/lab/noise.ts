import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { noiseSummarySchema, type NoiseSummary } from '../protocol/noise';
import { runFiles } from '../protocol/run';

/** What a run's `noise.json` says of its noise as a whole; undefined without noise, or before it was drawn. */
export async function readNoise(runFolder: string): Promise<NoiseSummary | undefined> {
  try {
    return noiseSummarySchema.parse(JSON.parse(await readFile(join(runFolder, runFiles.noise), 'utf8')));
  } catch {
    return undefined;
  }
}
