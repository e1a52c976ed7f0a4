import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeAtomic } from '../../formats/atomicFile';
import { processSchema, type ProcessIdentity } from '../../protocol/run';
import { identify, isAlive, isLocal } from '../processes';
import { InstallProblem } from './problem';

/** How long somebody else's claim is waited for, in milliseconds: long enough for two that saw each other. */
const patience = 2000;
/** Whether a process of another host lives cannot be known. Its claim counts for so many milliseconds. */
const foreignClaim = 2 * 3600 * 1000;

/**
 * Lets one process at a time change what is installed in a folder. Everybody writes a claim of their own and looks for
 * others: whoever meets a living one withdraws. So there is no lock that could be broken by two at once, and the claim
 * of a dead process means nothing.
 * @returns what ends the claim
 * @throws InstallProblem when another process is at it
 */
export async function claim(folder: string): Promise<() => Promise<void>> {
  const me = identify(process.pid) ?? { host: hostname(), bootId: '', pid: process.pid, startTime: '' };
  const name = `.claim-${process.pid}-${randomBytes(4).toString('hex')}.json`;
  const file = join(folder, name);
  for (const deadline = Date.now() + patience; ;) {
    await writeAtomic(file, JSON.stringify(me));
    const other = await livingClaim(folder, name);
    if (other === undefined) return () => rm(file, { force: true });
    await rm(file, { force: true });
    if (Date.now() > deadline) {
      const where = isLocal(other) ? '' : ` on ${other.host}`;
      throw new InstallProblem(
        `TensorFlow is being installed or removed by process ${other.pid}${where} already. Wait until that is done.`,
      );
    }
    await sleep(50 + Math.random() * 200);
  }
}

async function livingClaim(folder: string, own: string): Promise<ProcessIdentity | undefined> {
  for (const name of await readdir(folder)) {
    if (!/^\.claim-.*\.json$/.test(name) || name === own) continue;
    const identity = await readClaim(join(folder, name));
    if (identity) return identity;
  }
  return undefined;
}

/** Whose claim this is; a dead one's is deleted. */
async function readClaim(file: string): Promise<ProcessIdentity | undefined> {
  try {
    const identity = processSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    const lives = isLocal(identity) ? isAlive(identity) : Date.now() - (await stat(file)).mtimeMs < foreignClaim;
    if (lives) return identity;
    await rm(file, { force: true });
  } catch {
    // Withdrawn between the listing and the reading.
  }
  return undefined;
}
