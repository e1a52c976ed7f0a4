import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { currentSchema, installedFiles, installedRuntimesFolder } from '../../protocol/installedRuntime';

/** The folder of the TensorFlow runtime that is installed on this machine, or undefined. */
export function installedTensorFlow(): string | undefined {
  const root = installedRuntimesFolder();
  try {
    const { id } = currentSchema.parse(JSON.parse(readFileSync(join(root, installedFiles.current), 'utf8')));
    const folder = join(root, id);
    return existsSync(join(folder, installedFiles.binding)) ? folder : undefined;
  } catch {
    // No installation, or none that was finished.
    return undefined;
  }
}
