import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import type { RunConfig } from '../protocol/config';
import type { DataConfig } from '../protocol/data';
import type { Tools } from './launch';

const dataCheck = z.object({
  name: z.string(),
  ok: z.boolean(),
  message: z.string(),
  files: z.array(
    z.object({
      file: z.string(),
      size: z.number().optional(),
      status: z.enum(['ok', 'missing', 'damaged']),
      message: z.string(),
    }),
  ),
});
export type DataCheck = z.output<typeof dataCheck>;

/** Asks a trainer child which data sets can be used as they are. */
export async function listDataSets(node: string, trainer: string): Promise<DataCheck[]> {
  return z.array(dataCheck).parse(await ask(node, [trainer, 'data', 'list']));
}

/** Asks a trainer child to read a data set whole. @param data that of a configuration */
export async function checkDataSet(node: string, trainer: string, data: DataConfig): Promise<DataCheck> {
  return dataCheck.parse(await ask(node, [trainer, 'data', 'check', JSON.stringify(data)]));
}

const fault = z.object({
  /** What is wrong and what to do. */
  message: z.string(),
  /** The data set whose files are missing or damaged, where that is the fault. */
  dataSet: z.string().optional(),
});
export type Fault = z.output<typeof fault>;

/** Why runs would fail at their start, each reason once. */
export class FaultError extends Error {
  constructor(readonly faults: readonly Fault[]) {
    super(faults.map(({ message }) => message).join('\n'));
  }

  /** The data set whose files are all that is missing. */
  get dataSet(): string | undefined {
    return this.faults.every(({ dataSet }) => dataSet !== undefined) ? this.faults[0]?.dataSet : undefined;
  }
}

/**
 * Asks a trainer child whether runs with some configurations can start: data, noise, model and runtime. To be called
 * before a folder is made for them.
 * @throws FaultError when they cannot
 */
export async function requireSound(
  { node, dist }: Pick<Tools, 'node' | 'dist'>,
  configs: readonly RunConfig[],
): Promise<void> {
  if (configs.length === 0) return;
  const answer = await ask(node, [join(dist, 'trainer.js'), 'check'], JSON.stringify(configs));
  const faults = z.array(fault).parse(answer);
  if (faults.length > 0) throw new FaultError(faults);
}

async function ask(node: string, args: string[], input = ''): Promise<unknown> {
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
  const asked = promisify(execFile)(node, args, { env, maxBuffer: 1 << 24 });
  // A child that ended before it has read all tells of it by its exit code.
  asked.child.stdin?.on('error', () => {}).end(input);
  return JSON.parse((await asked).stdout);
}
