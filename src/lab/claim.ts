import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { processSchema, type ProcessIdentity } from '../protocol/run';
import { identify, isAlive, isLocal } from './processes';

/**
 * Notes in a file that this process has something, unless another one has. What a process that is gone has left behind,
 * or somebody has given up, is taken over; of several that try at once one succeeds.
 * @param content what to note besides
 * @returns who has it; undefined: this process, until the file is removed
 */
export async function takeClaim(file: string, content: object): Promise<ProcessIdentity | undefined> {
  const identity = identify(process.pid);
  if (!identity) throw new Error('This process cannot be told from others on this platform.');
  await mkdir(dirname(file), { recursive: true });
  const text = JSON.stringify({ ...content, process: identity }, null, 2) + '\n';
  while (!(await create(file, text))) {
    const found = await readFile(file, 'utf8').catch(() => undefined);
    if (found === undefined) continue;
    const holder = holderOf(found);
    // Whether a process of another machine lives, only that machine can tell.
    if (holder && (!isLocal(holder) || isAlive(holder))) return holder;
    await removeStale(file, found);
  }
  return undefined;
}

function holderOf(text: string): ProcessIdentity | undefined {
  try {
    return z.looseObject({ process: processSchema }).safeParse(JSON.parse(text)).data?.process;
  } catch {
    return undefined;
  }
}

const aside = (file: string) => `${file}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;

/** Makes a file, whole from its first moment on. @returns false when there is one */
async function create(file: string, text: string): Promise<boolean> {
  const whole = aside(file);
  await writeFile(whole, text);
  try {
    await putNew(whole, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(whole, { force: true });
  }
}

/** Some file systems have no links. */
async function putNew(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw error;
    return copyFile(from, to, constants.COPYFILE_EXCL);
  });
}

/** Moved aside first: of several that find the same one only one removes it, and none removes what came after it. */
async function removeStale(file: string, found: string): Promise<void> {
  const moved = aside(file);
  try {
    await rename(file, moved);
  } catch {
    return;
  }
  if ((await readFile(moved, 'utf8')) !== found) await putNew(moved, file).catch(() => {});
  await rm(moved, { force: true });
}
