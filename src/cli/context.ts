import { join } from 'node:path';
import type { Command } from 'commander';
import { findRunsFolder } from '../lab/runsFolder';
import type { Tools } from '../lab/launch';

declare global {
  /** Set by the bundler from package.json. */
  const SAT_LAB_VERSION: string;
}

/** Where the other bundles lie: beside this one. */
export const tools: Tools = { node: process.execPath, dist: __dirname, version: SAT_LAB_VERSION };

export const trainer = join(__dirname, 'trainer.js');

/** Options that go with every command. */
export interface CommonOptions {
  runs?: string;
  json?: boolean;
}

export function withCommonOptions(command: Command): Command {
  return command
    .option('--runs <folder>', 'where runs are kept (default: SAT_RUNS, the nearest sat-runs upwards, ./sat-runs)')
    .option('--json', 'print one JSON document');
}

export function runsFolder({ runs }: CommonOptions): string {
  return findRunsFolder({ explicit: runs });
}
