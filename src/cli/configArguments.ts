import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { formatProblem, loadConfigFile, parseConfig, type ConfigCell } from '../lab/config';
import { presetName, presetReference } from '../lab/presets';
import { pinSchema } from '../protocol/run';
import { UsageError } from './output';

/** Options of the commands that start something from a configuration. */
export interface ConfigOptions {
  preset?: string;
  set: string[];
  runtime?: string;
}

/** A configuration as it was called for. */
export interface CalledConfig {
  /** An absolute path, or `preset:NAME`. */
  reference: string;
  settings: string[];
  cells: ConfigCell[];
  isSweep: boolean;
}

/** For runs that go on or are repeated: by default what computed them before does it again. */
export const otherRuntime = new Option(
  '--runtime <name>',
  'what may compute it, in place of what did before; other numbers come of it',
).choices(pinSchema.shape.runtime.options);

export function withConfigArguments(command: Command): Command {
  return command
    .argument('[config]', 'a *.sat.json file, or preset:NAME')
    .addOption(new Option('--preset <name>', 'in place of a file; "sat presets" lists them'))
    .addOption(settingsOption())
    .option('--runtime <name>', 'auto, tensorflow or wasm');
}

export function settingsOption(): Option {
  return new Option('--set <key.path=value>', 'set one value of the configuration (repeatable)')
    .argParser((value, all: string[]) => [...all, value])
    .default([]);
}

/** @param more settings besides those given by hand @throws UsageError when the call or the configuration is wrong */
export async function readConfig(
  file: string | undefined,
  { preset, set, runtime }: ConfigOptions,
  more: readonly string[] = [],
): Promise<CalledConfig> {
  if (file !== undefined && preset !== undefined) throw new UsageError('A file and --preset exclude each other.');
  const named = file ?? (preset === undefined ? undefined : presetReference(preset));
  if (named === undefined) throw new UsageError('missing required argument: a *.sat.json file, or --preset NAME');
  requireSettings(set);
  const isPreset = presetName(named) !== undefined;
  const reference = isPreset ? named : resolve(named);
  const settings = [
    ...(isPreset ? set.map(fromHere) : set),
    ...(runtime === undefined ? [] : [`runtime=${runtime}`]),
    ...more,
  ];
  const result = await loadConfigFile(reference, settings);
  if (!result.ok) throw new UsageError(result.problems.map(formatProblem).join('\n     '));
  return { reference, settings, ...result };
}

/** A configuration of settings alone, paths in it relative to the current folder. @throws UsageError when it is wrong */
export async function readSettings(settings: readonly string[]): Promise<ConfigCell[]> {
  requireSettings(settings);
  const result = await parseConfig('{}', resolve('settings'), settings);
  if (!result.ok)
    throw new UsageError(result.problems.map(({ path, message }) => `${path}: ${message}`).join('\n     '));
  return result.cells;
}

function requireSettings(settings: readonly string[]): void {
  const wrong = settings.find((setting) => !/^[^=]+=/.test(setting));
  if (wrong !== undefined) throw new UsageError(`--set ${wrong}: expected key.path=value`);
}

/** Paths are relative to the configuration's file; a preset's lies where nobody looks, so there they are from here. */
function fromHere(setting: string): string {
  const [, key, path] = /^(data\.root|data\.noise\.file)=(.+)$/.exec(setting) ?? [];
  return key === undefined || path === undefined ? setting : `${key}=${resolve(path)}`;
}
