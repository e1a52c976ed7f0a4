import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { processSchema, type ProcessIdentity } from '../protocol/run';
import { identify, isAlive, isLocal } from './processes';

/**
 * Notes in a file that this process has something, unless another one has. What a process that is gone has left behind,
 * or somebody has given up, is taken over; of several that try at once one succeeds.
 * @param file in a folder that is there
 * @param content what to note besides
 * @returns who has it; undefined: this process, until the file is removed
 */
export async function takeClaim(file: string, content: object): Promise<ProcessIdentity | undefined> {
  const identity = identify(process.pid);
  if (!identity) throw new Error('This process cannot be told from others on this platform.');
  const text = JSON.stringify({ ...content, process: identity }, null, 2) + '\n';
  while (!(await create(file, text))) {
    const found = await readText(file);
    if (found === undefined) continue;
    const holder = holderOf(found);
    // Whether a process of another machine lives, only that machine can tell.
    const other = holder && (!isLocal(holder) || isAlive(holder)) ? holder : await removeStale(file, found);
    if (other) return other;
  }
  return undefined;
}

/** How long another process may hold what is waited for, in milliseconds: longer than a start takes. */
const patience = 60_000;
const pollMilliseconds = 50;

/** Does {@link takeClaim} as soon as whoever has it is through. @returns who has had it for longer than a minute */
export async function waitForClaim(file: string, content: object): Promise<ProcessIdentity | undefined> {
  const deadline = Date.now() + patience;
  for (;;) {
    const by = await takeClaim(file, content);
    if (!by || Date.now() > deadline) return by;
    await sleep(pollMilliseconds);
  }
}

const readText = (file: string) => readFile(file, 'utf8').catch(() => undefined);

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

/**
 * Removes a claim that nobody stands behind. The right to that is itself claimed, under a name made of what was found:
 * nobody else can remove it between the second look and the removal, so what came after it is never touched.
 * @returns who is removing it already, and so takes it over
 */
async function removeStale(file: string, found: string): Promise<ProcessIdentity | undefined> {
  const right = `${file}.${createHash('sha256').update(found).digest('hex').slice(0, 8)}`;
  const other = await takeClaim(right, {});
  if (other) return other;
  try {
    if ((await readText(file)) === found) await rm(file, { force: true });
  } finally {
    await rm(right, { force: true });
  }
  return undefined;
}
