import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as z from 'zod';
import type { DataConfig } from '../protocol/data';

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

async function ask(node: string, args: string[]): Promise<unknown> {
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
  const { stdout } = await promisify(execFile)(node, args, { env, maxBuffer: 1 << 24 });
  return JSON.parse(stdout);
}
