import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import type { RunConfig } from '../protocol/config';
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

/** Asks a trainer child to read a data set whole. @param root the folder with its files */
export async function checkDataSet(node: string, trainer: string, name: string, root?: string): Promise<DataCheck> {
  const place = root === undefined ? [] : ['--root', root];
  return dataCheck.parse(await ask(node, [trainer, 'data', 'check', name, ...place]));
}

const fault = z.object({
  /** What is wrong and what to do. */
  message: z.string(),
  /** The data set whose files are missing or damaged, where that is the fault. */
  dataSet: z.string().optional(),
});
export type Fault = z.output<typeof fault>;

/**
 * Asks a trainer child why runs with some configurations would fail at their start, before a folder is made for them.
 * @returns each fault once
 */
export async function findFaults(
  { node, dist }: Pick<Tools, 'node' | 'dist'>,
  configs: readonly RunConfig[],
): Promise<Fault[]> {
  if (configs.length === 0) return [];
  return z.array(fault).parse(await ask(node, [join(dist, 'trainer.js'), 'check'], JSON.stringify(configs)));
}

async function ask(node: string, args: string[], input = ''): Promise<unknown> {
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
  const asked = promisify(execFile)(node, args, { env, maxBuffer: 1 << 24 });
  // A child that ended before it has read all tells of it by its exit code.
  asked.child.stdin?.on('error', () => {}).end(input);
  return JSON.parse((await asked).stdout);
}
