import { homedir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';

/** Names below the folder of all installed TensorFlow runtimes, and below one of them. */
export const installedFiles = {
  /** `{id}` of the one that counts. Written last: without it nothing is installed. */
  current: 'current.json',
  record: 'runtime.json',
  binding: 'tfjs_binding.node',
  /** TensorFlow's libraries, where the binding looks for them. */
  libraries: 'lib',
} as const;

export const currentSchema = z.looseObject({ id: z.string().regex(/^\w[\w.+-]*$/) });

/** `runtime.json`: what was installed, from what, and what it could do then. */
export const installedRuntimeSchema = z.looseObject({
  version: z.int(),
  /** TensorFlow's version, from itself. */
  tensorflow: z.string(),
  /** The version of tfjs-node-gpu that the binding's sources are of. */
  binding: z.string(),
  source: z.looseObject({ kind: z.enum(['python', 'wheel', 'package']) }),
  /** Whether this TensorFlow was built for CUDA. */
  cuda: z.boolean(),
  platform: z.string(),
  arch: z.string(),
  /** ISO 8601, UTC. */
  created: z.string(),
  /** What it takes on the disk, libraries that lie elsewhere not counted. */
  sizeBytes: z.number(),
  /** The smoke computation's outcome: "CPU:0" or "GPU:0", and why there is no GPU where one might expect it. */
  smoke: z.looseObject({ device: z.string(), gpu: z.string().optional(), note: z.string().optional() }),
});
export type InstalledRuntime = z.output<typeof installedRuntimeSchema>;

/** The folder of all installed TensorFlow runtimes, one for the command line and the extension. */
export function installedRuntimesFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
  home = homedir(),
): string {
  return join(env['SAT_RUNTIMES'] || join(dataFolder(env, platform, home), 'sat-lab'), 'tensorflow');
}

function dataFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform, home: string): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  if (platform === 'win32') return env['LOCALAPPDATA'] || join(home, 'AppData', 'Local');
  return env['XDG_DATA_HOME'] || join(home, '.local', 'share');
}
