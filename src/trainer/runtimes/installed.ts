import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';

const currentSchema = z.object({ id: z.string() });

/** The folder of the TensorFlow runtime that is installed on this machine, or undefined. */
export function installedTensorFlow(): string | undefined {
  const root = join(runtimesRoot(), 'tensorflow');
  try {
    const { id } = currentSchema.parse(JSON.parse(readFileSync(join(root, 'current.json'), 'utf8')));
    const folder = join(root, id);
    return existsSync(join(folder, 'tfjs_binding.node')) ? folder : undefined;
  } catch {
    // No installation, or none that was finished.
    return undefined;
  }
}

function runtimesRoot(): string {
  const { SAT_RUNTIMES, XDG_DATA_HOME, LOCALAPPDATA } = process.env;
  if (SAT_RUNTIMES) return SAT_RUNTIMES;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'sat-lab');
  if (process.platform === 'win32') return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'sat-lab');
  return join(XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'sat-lab');
}
