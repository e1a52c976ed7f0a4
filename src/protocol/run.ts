import * as z from 'zod';
import type { documentVersion, RunConfig } from './config';

/** What tells one process from every other, reused pids included. */
export const processSchema = z.object({
  host: z.string(),
  /** Changes at every start of the machine; empty where the platform does not tell. */
  bootId: z.string(),
  pid: z.int(),
  /** When the process started, in the platform's own words; compared, never read. */
  startTime: z.string(),
});
export type ProcessIdentity = z.output<typeof processSchema>;

/** A runtime and a device, as in a configuration. */
export const pinSchema = z.object({
  runtime: z.enum(['auto', 'tensorflow', 'wasm']),
  device: z.enum(['auto', 'cpu', 'gpu']),
});
export type Pin = z.output<typeof pinSchema>;

/**
 * `run.json`. `config` is kept as it was written: a run made by a newer version is still listed, and only what needs
 * to understand its configuration checks it.
 */
export const runRecordSchema = z.looseObject({
  version: z.int(),
  id: z.string(),
  name: z.string().default(''),
  /** ISO 8601, UTC. */
  created: z.string(),
  config: z.record(z.string(), z.unknown()),
  configFile: z.string().nullable().default(null),
  /** `key.path=value` by hand, over what that file says, as for `--set`. */
  settings: z.array(z.string()).default([]),
  /** Runs of one sweep or one comparison share a group; null: on its own. */
  group: z.string().nullable().default(null),
  cell: z.string().nullable().default(null),
  /** How many runs the sweep that started it asks of the group; null: it is of no sweep. */
  groupSize: z.int().nullable().default(null),
  /** The id of the run that it repeats. */
  rerunOf: z.string().nullable().default(null),
  launcher: z.string().default('local'),
  /**
   * What has to compute it where its configuration leaves that open: what did before it was resumed, or what did for the
   * run that it repeats. Null: as configured.
   */
  pinned: pinSchema.nullable().default(null),
  /** How many threads compute one operation, on which numbers depend; null: as many as the process may run on. */
  threads: z.int().min(1).nullable().default(null),
  /** The SHA-256 of the file that `data.noise.file` named when the run began; null: noise is drawn, if there is any. */
  noiseFile: z.string().nullable().default(null),
  process: processSchema.nullable().default(null),
  /** Each time the run was resumed: when (Unix seconds), from what, and how long the metrics file was then (bytes). */
  resumes: z.array(z.object({ time: z.number(), checkpoint: z.string(), byte: z.int() })).default([]),
  /** The commit at the start. A dirty state is in `git.patch`. */
  git: z.object({ commit: z.string(), dirty: z.boolean() }).nullable().default(null),
  versions: z.record(z.string(), z.string()).default({}),
  machine: z.record(z.string(), z.unknown()).default({}),
  notes: z.string().default(''),
  tags: z.array(z.string()).default([]),
});
export type RunRecord = z.output<typeof runRecordSchema>;

/** A record as this version writes it. */
export type NewRunRecord = RunRecord & { version: typeof documentVersion; config: RunConfig };

/** `exit.json`: `time` in Unix seconds; `code` is null when a signal ended the process. */
export const exitSchema = z.looseObject({
  version: z.int(),
  code: z.int().nullable(),
  signal: z.string().nullable(),
  time: z.number(),
});
export type ExitRecord = z.output<typeof exitSchema>;

export const runStatuses = ['queued', 'running', 'completed', 'failed', 'stopped', 'lost'] as const;
export type RunStatus = (typeof runStatuses)[number];

/** File names inside a run's folder. */
export const runFiles = {
  record: 'run.json',
  metrics: 'metrics.ndjson',
  log: 'trainer.log',
  patch: 'git.patch',
  exit: 'exit.json',
  noise: 'noise.json',
  /** The images that a noise made, beside the record of it. */
  noiseImages: 'noise-images.npy',
  softLabels: 'soft-labels.npy',
  /** Risk against coverage, of a run that evaluates it. */
  selective: 'selective.json',
  checkpoints: 'checkpoints',
  /** Its presence asks the trainer to stop after the step; for platforms and places that a signal does not reach. */
  stopRequest: 'stop',
} as const;

/** Exit codes of the trainer and of `sat`. */
export const exitCodes = { done: 0, failed: 1, usage: 2, stopped: 130 } as const;
