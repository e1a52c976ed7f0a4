import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeAtomic } from '../../formats/atomicFile';
import { messageOf } from '../../protocol/errors';
import { installedFiles, type InstalledRuntime } from '../../protocol/installedRuntime';
import { takeClaim } from '../claim';
import { folderSize } from '../folderSize';
import { formatBytes } from '../format';
import { identify, isLocal } from '../processes';
import type { Tools } from '../launch';
import { placeBinding } from './binding';
import { moreSpace, requireSpace } from './disk';
import { isInstalled, readInstalled } from './installed';
import { placeLibraries } from './libraries';
import { unsupported, type Machine } from './machine';
import { InstallProblem } from './problem';
import type { InstallProgress } from './progress';
import type { Source } from './sources';

export interface InstallOptions {
  /** Of all installed runtimes. */
  folder: string;
  source: Source;
  machine: Machine;
  tools: Pick<Tools, 'node' | 'dist'>;
  signal?: AbortSignal | undefined;
  onProgress?: (progress: InstallProgress) => void;
}

/** The version of the npm package whose sources the binding is made of. */
const bindingVersion = '4.22.0';

/**
 * Installs TensorFlow: in a folder of its own, which becomes the installed one when all is there and has computed
 * something. Until then, an earlier installation stays as it is; after it, it is deleted.
 * @throws InstallProblem in words; the signal's reason when it was aborted. Nothing half-made is left
 */
export async function installRuntime(options: InstallOptions): Promise<InstalledRuntime> {
  const { folder, source, machine, signal } = options;
  const obstacle = unsupported(machine);
  if (obstacle !== undefined) throw new InstallProblem(obstacle);
  let release: (() => Promise<void>) | undefined;
  try {
    await mkdir(folder, { recursive: true });
    release = await claim(folder);
    await sweep(folder);
    await requireSpace(folder, source.downloadBytes + source.diskBytes);
    return await stage(options);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw inWords(error, options);
  } finally {
    await release?.();
  }
}

/** Deletes an installation. @returns whether there was one */
export async function removeRuntime(folder: string): Promise<boolean> {
  if (!existsSync(folder)) return false;
  const release = await claim(folder);
  try {
    const current = join(folder, installedFiles.current);
    const existed = existsSync(current);
    await rm(current, { force: true });
    await sweep(folder);
    return existed;
  } finally {
    await release();
  }
}

const claimName = '.claim.json';

/**
 * Lets one process at a time change what is installed in a folder.
 * @returns what ends the claim
 * @throws InstallProblem when another process is at it
 */
async function claim(folder: string): Promise<() => Promise<void>> {
  const file = join(folder, claimName);
  const by = await takeClaim(file, {});
  if (!by) return () => rm(file, { force: true });
  const end = isLocal(by)
    ? `process ${by.pid} already. Wait until that is done.`
    : `a process on ${by.host} already. Wait until that is done; if that machine is gone, delete ${file}.`;
  throw new InstallProblem(`TensorFlow is being installed or removed by ${end}`);
}

/**
 * Deletes what killed installs left and what was replaced: what this installer made, and nothing else, for the folder is
 * the user's choice.
 */
async function sweep(folder: string): Promise<void> {
  const current = (await readInstalled(folder))?.id;
  for (const name of await readdir(folder)) {
    const place = join(folder, name);
    const left = /^\.(staging|removing)-\d+-[0-9a-f]{6}$|^current\.json\.\d+-\d+\.tmp$/.test(name) || isDeadClaim(name);
    const replaced = name !== current && (await isInstalled(place));
    if (left) await rm(place, { recursive: true, force: true, maxRetries: 3 });
    else if (replaced) await discard(place);
  }
}

/** What a claim was written through by a process that has died since. */
function isDeadClaim(name: string): boolean {
  const pid = name.startsWith(claimName) ? /\.(\d+)-[0-9a-f]+\.tmp$/.exec(name)?.[1] : undefined;
  return pid !== undefined && identify(Number(pid)) === undefined;
}

/** A deletion that is killed half-way leaves a name that the next sweep knows. */
async function discard(installation: string): Promise<void> {
  const aside = join(dirname(installation), `.removing-${process.pid}-${randomBytes(3).toString('hex')}`);
  await rename(installation, aside);
  await rm(aside, { recursive: true, force: true, maxRetries: 3 });
}

async function stage(options: InstallOptions): Promise<InstalledRuntime> {
  const { folder, source, machine, signal } = options;
  const unique = randomBytes(3).toString('hex');
  const staging = join(folder, `.staging-${process.pid}-${unique}`);
  let final: string | undefined;
  try {
    await mkdir(join(staging, installedFiles.libraries), { recursive: true });
    const include = await placeLibraries(staging, options);
    const checked = await placeBinding(staging, include, options);
    // Headers are of no use any more.
    await rm(join(staging, 'include'), { recursive: true, force: true });
    const record: InstalledRuntime = {
      version: 1,
      tensorflow: checked.tensorflow,
      binding: bindingVersion,
      source: describeSource(source),
      cuda: source.cuda,
      platform: machine.platform,
      arch: machine.arch,
      created: new Date().toISOString(),
      sizeBytes: await folderSize(staging),
      smoke: checked.smoke,
    };
    await writeAtomic(join(staging, installedFiles.record), JSON.stringify(record, null, 2) + '\n');
    signal?.throwIfAborted();
    const id = `${checked.tensorflow}-${source.cuda ? 'cuda' : 'cpu'}-${unique}`;
    final = join(folder, id);
    await rename(staging, final);
    await writeAtomic(join(folder, installedFiles.current), JSON.stringify({ id }) + '\n');
    await sweep(folder);
    return record;
  } catch (error) {
    await rm(staging, { recursive: true, force: true, maxRetries: 3 });
    if (final !== undefined && existsSync(final) && (await readInstalled(folder))?.folder !== final)
      await discard(final);
    throw error;
  }
}

function describeSource(source: Source): InstalledRuntime['source'] {
  if (source.kind === 'wheel') return { kind: 'wheel', requirement: source.requirement };
  if (source.kind === 'package') return { kind: 'package', folder: source.folder };
  return { kind: 'python', python: source.python, folder: source.folder };
}

/** What went wrong, and what to do. */
function inWords(error: unknown, { folder, source }: InstallOptions): Error {
  if (error instanceof InstallProblem) return error;
  const { code = '', syscall = '' } = error as NodeJS.ErrnoException;
  const reason = messageOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const needed = formatBytes(source.downloadBytes + source.diskBytes);
    return new InstallProblem(`The disk of ${folder} became full; the installation needs ${needed}. ${moreSpace}`);
  }
  // A program that may not be started is another matter.
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(code) && !syscall.startsWith('spawn')) {
    return new InstallProblem(`${folder} cannot be written (${reason}). Set SAT_RUNTIMES to a folder that can.`);
  }
  return new InstallProblem(`TensorFlow could not be installed: ${reason}.`);
}
