import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { cpus, hostname, platform, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeAtomic } from '../formats/atomicFile';
import { documentVersion, type RunConfig } from '../protocol/config';
import { messageOf } from '../protocol/errors';
import { exitSchema, runFiles, runRecordSchema, type ExitRecord, type NewRunRecord, type Pin } from '../protocol/run';
import { takeClaim } from './claim';
import { recordedConfig } from './config';
import { gitPatch, gitState } from './git';
import { describeConfig } from './labels';
import { noiseFileChanged, noiseFileFingerprint } from './noiseFile';
import { presetName } from './presets';
import { isAlive, isLocal } from './processes';
import { Run } from './run';
import { ensureRunsFolder } from './runsFolder';
import { pinFor, threadsFor } from './runtimePin';

/** The programs that a run is made of. */
export interface Tools {
  /** Node, or an Electron that acts as it. */
  node: string;
  /** Folder with supervisor.js and trainer.js. */
  dist: string;
  version: string;
}

export interface NewRun {
  runsFolder: string;
  config: RunConfig;
  /** The file that it came from, absolute, or `preset:NAME`. */
  configFile?: string | undefined;
  /** What was set by hand over the file, as for `--set`. */
  settings?: readonly string[] | undefined;
  group?: string | undefined;
  cell?: string | undefined;
  /** How many runs the sweep asks of the group. */
  groupSize?: number | undefined;
  /** The id of the run that it repeats. */
  rerunOf?: string | undefined;
  /** What has to compute it, where the configuration leaves that open. */
  pinned?: Pin | null | undefined;
  /** How many threads compute one operation; as many as there are when left out. */
  threads?: number | undefined;
}

/**
 * Makes a run's folder and starts it: a detached supervisor, which starts the trainer and records its exit. Neither
 * needs this process any more.
 * @throws Error in words when the folder cannot be written; then no half-made run is left
 */
export async function startRun(
  { runsFolder, config, configFile, settings, group, cell, groupSize, rerunOf, pinned, threads }: NewRun,
  tools: Tools,
): Promise<Run> {
  await ensureRunsFolder(runsFolder);
  const id = newId(new Date());
  const repository = repositoryOf({ runsFolder, configFile });
  const git = await gitState(repository);
  const record: NewRunRecord = {
    version: documentVersion,
    id,
    name: config.name || describeConfig(config),
    created: new Date().toISOString(),
    config,
    configFile: configFile ?? null,
    settings: [...(settings ?? [])],
    group: group ?? null,
    cell: cell ?? null,
    groupSize: groupSize ?? null,
    rerunOf: rerunOf ?? null,
    launcher: 'local',
    pinned: pinned ?? null,
    threads: threads ?? null,
    noiseFile: await noiseFileFingerprint(config),
    process: null,
    resumes: [],
    git,
    versions: await versions(tools),
    machine: machine(),
    notes: config.notes,
    tags: config.tags,
  };
  const folder = join(runsFolder, id);
  // Made aside and renamed, so that a reader never meets a run without its record.
  const temporary = join(runsFolder, `.new-${id}`);
  try {
    await mkdir(temporary);
    await writeFile(join(temporary, runFiles.record), JSON.stringify(record, null, 2) + '\n');
    const patch = git?.dirty ? await gitPatch(repository) : undefined;
    if (patch) await writeFile(join(temporary, runFiles.patch), Uint8Array.from(patch));
    await rename(temporary, folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    const reason = messageOf(error);
    throw new Error(
      `The run could not be made in ${runsFolder} (${reason}). Free some space or choose another folder.`,
    );
  }
  await superviseRun(folder, [], tools);
  return opened(folder);
}

export interface ResumeOptions {
  /** Absolute path; the newest when left out. */
  checkpoint?: string | undefined;
  /** What may compute it from here on; what did before when left out. */
  runtime?: Pin['runtime'] | undefined;
}

/**
 * Goes on with a run from a checkpoint, in its own folder.
 * @throws RuntimeGoneError when what computed it is not installed, Error in words when it runs or has no checkpoint
 */
export async function resumeRun(run: Run, tools: Tools, { checkpoint, runtime }: ResumeOptions = {}): Promise<void> {
  await run.refresh();
  refuseWhileAlive(run, 'resume');
  const from = checkpoint ?? run.latestCheckpoint;
  if (!existsSync(from)) {
    throw new Error(`${run.name} has no checkpoint to resume from (${from}). Start it anew.`);
  }
  const pinned = await pinFor(run, runtime, `sat resume ${run.id}`);
  await refuseOtherNoise(run);
  const release = await holdRun(run);
  try {
    // Another resume may have come and gone between the first look and the lock.
    await run.refresh();
    refuseWhileAlive(run, 'resume');
    await noteResume(run.folder, { from, pinned, threads: threadsFor(run, runtime) });
    await rm(join(run.folder, runFiles.exit), { force: true });
    await rm(join(run.folder, runFiles.stopRequest), { force: true });
    await superviseRun(run.folder, ['--resume', from], tools);
  } finally {
    await release(run.folder);
  }
}

const claimName = '.resuming';

/**
 * Keeps others from resuming or moving a run: two resumes at once must not become two trainers, and no trainer may lose
 * its folder.
 * @returns what lets it go, wherever its folder is by then
 * @throws Error in words when somebody else has it
 */
export async function holdRun(run: Run): Promise<(folder: string) => Promise<void>> {
  const file = join(run.folder, claimName);
  const by = await takeClaim(file, {}).catch((error: unknown) => {
    throw new Error(`${run.folder} cannot be written: ${messageOf(error)}.`);
  });
  if (by) {
    const where = isLocal(by) ? '' : ` on ${by.host}; if that is not so, delete ${file}`;
    throw new Error(`${run.name} is being resumed or deleted by process ${by.pid}${where}.`);
  }
  return (folder) => rm(join(folder, claimName), { force: true });
}

/** @throws Error in words when the run, or its process, still lives */
export function refuseWhileAlive(run: Run, what: 'resume' | 'delete'): void {
  const identity = run.record?.process;
  if (run.status === 'running' || (identity && isLocal(identity) && isAlive(identity))) {
    throw new Error(`${run.name} is running. Stop it before you ${what} it.`);
  }
}

/** @throws Error in words when the file that its noise comes from holds something else by now */
async function refuseOtherNoise({ name, record }: Run): Promise<void> {
  const config = record && recordedConfig(record);
  if (!config || !noiseFileChanged(record.noiseFile, await noiseFileFingerprint(config))) return;
  throw new Error(
    `${config.data.noise?.file ?? ''} has changed since ${name} began with the noise in it. Put the earlier file back, or start the run anew.`,
  );
}

/** From here on the old process and the old end say nothing of the run. */
async function noteResume(
  folder: string,
  { from, pinned, threads }: { from: string; pinned: Pin | null; threads: number | undefined },
): Promise<void> {
  const file = join(folder, runFiles.record);
  const record = runRecordSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  const byte = await stat(join(folder, runFiles.metrics)).then(
    ({ size }) => size,
    () => 0,
  );
  const resumes = [...record.resumes, { time: Date.now() / 1000, checkpoint: from, byte }];
  const resumed = { ...record, process: null, pinned, threads: threads ?? null, resumes };
  await writeAtomic(file, JSON.stringify(resumed, null, 2) + '\n');
}

/** How long a supervisor may take to start its trainer, in milliseconds. */
const launchDeadline = 15_000;

/** Starts a supervisor, and waits until the run has its process or is known to have none. */
async function superviseRun(folder: string, args: string[], { node, dist }: Tools): Promise<void> {
  const child = spawn(node, [join(dist, 'supervisor.js'), folder, ...args], {
    detached: true,
    stdio: 'ignore',
    windowsHide: true,
    // The supervisor must be plain Node also where the launcher is an Electron.
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
  });
  let failure: string | undefined;
  child.on('error', ({ message }) => (failure = message));
  child.on('exit', (code) => (failure ??= `its supervisor ended at once with code ${code}`));
  child.unref();
  const begun = Date.now();
  while (Date.now() < begun + launchDeadline) {
    if ((await hasEndedSince(folder, begun)) || (await hasProcess(folder))) return;
    if (failure !== undefined) return recordFailedLaunch(folder, failure);
    await sleep(20);
  }
}

async function hasProcess(folder: string): Promise<boolean> {
  const parsed = runRecordSchema.safeParse(JSON.parse(await readFile(join(folder, runFiles.record), 'utf8')));
  return parsed.success && parsed.data.process !== null;
}

/** Not by an exit that the supervisor before notes only now. */
async function hasEndedSince(folder: string, begun: number): Promise<boolean> {
  const text = await readFile(join(folder, runFiles.exit), 'utf8').catch(() => 'null');
  const parsed = exitSchema.safeParse(JSON.parse(text));
  return parsed.success && parsed.data.time * 1000 >= begun;
}

async function recordFailedLaunch(folder: string, reason: string): Promise<void> {
  await appendFile(join(folder, runFiles.log), `The run could not be started: ${reason}\n`);
  const exit: ExitRecord = { version: documentVersion, code: 1, signal: null, time: Date.now() / 1000 };
  await writeAtomic(join(folder, runFiles.exit), JSON.stringify(exit) + '\n');
}

/** Sorts by creation, is unique, and safe as a file name everywhere. */
function newId(date: Date): string {
  const time = date.toISOString().replace(/[-:.]/g, '').replace('T', '-').slice(0, 18);
  return `${time}-${randomBytes(2).toString('hex')}`;
}

/** Where to ask git for the state of what the user works on. */
function repositoryOf({ runsFolder, configFile }: Pick<NewRun, 'runsFolder' | 'configFile'>): string {
  // A preset lies with SAT Lab's own code.
  return configFile && presetName(configFile) === undefined ? dirname(configFile) : runsFolder;
}

/** What the results may depend on besides the configuration: `trainer` is a hash of the program that trains. */
async function versions({ version, dist }: Tools): Promise<Record<string, string>> {
  const program = await readFile(join(dist, 'trainer.js')).catch(() => '');
  const trainer = createHash('sha256').update(program).digest('hex').slice(0, 16);
  return { 'sat-lab': version, trainer, node: process.versions.node };
}

function machine(): Record<string, string | number> {
  return {
    host: hostname(),
    platform: `${platform()} ${release()}`,
    processor: cpus()[0]?.model ?? '',
    cores: cpus().length,
    memoryBytes: totalmem(),
  };
}

async function opened(folder: string): Promise<Run> {
  const run = new Run(folder);
  await run.refresh();
  return run;
}
