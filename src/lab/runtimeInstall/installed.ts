import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  currentSchema,
  installedFiles,
  installedRuntimeSchema,
  type InstalledRuntime,
} from '../../protocol/installedRuntime';
import { formatBytes } from '../format';
import type { Tools } from '../launch';
import { checkRuntime } from './check';
import { libraryNames } from './machine';

export interface Installed {
  id: string;
  folder: string;
  record: InstalledRuntime;
}

/**
 * The installation that counts.
 * @param folder of all installed runtimes
 * @returns undefined when there is none, or its record is no record
 */
export async function readInstalled(folder: string): Promise<Installed | undefined> {
  try {
    const { id } = currentSchema.parse(await readJson(join(folder, installedFiles.current)));
    const place = join(folder, id);
    return {
      id,
      folder: place,
      record: installedRuntimeSchema.parse(await readJson(join(place, installedFiles.record))),
    };
  } catch {
    return undefined;
  }
}

/** Whether a folder is an installation, the one that counts or another. */
export async function isInstalled(place: string): Promise<boolean> {
  try {
    return installedRuntimeSchema.safeParse(await readJson(join(place, installedFiles.record))).success;
  } catch {
    return false;
  }
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8'));
}

/** What `sat runtime status` tells. */
export type RuntimeStatus =
  | { installed: false; folder: string }
  | (Installed & {
      installed: true;
      /** Why it cannot be used now, and what to do; undefined when it can. */
      problem?: string;
      /** Of now, not of when it was installed; undefined where there is a problem. */
      smoke?: InstalledRuntime['smoke'];
    });

/** Looks at what is installed, and computes something with it. @param folder of all installed runtimes */
export async function runtimeStatus(folder: string, tools: Pick<Tools, 'node' | 'dist'>): Promise<RuntimeStatus> {
  const found = await readInstalled(folder);
  if (!found) return { installed: false, folder };
  const gone = whatIsGone(found);
  if (gone !== undefined) return { ...found, installed: true, problem: gone };
  const checked = await checkRuntime(found.folder, found.record.cuda, tools);
  if (!checked.ok)
    return { ...found, installed: true, problem: `It does not run: ${checked.reason}. Install it again.` };
  const { tensorflow, smoke } = checked;
  // A Python's TensorFlow may have been updated since.
  return { ...found, record: { ...found.record, tensorflow }, installed: true, smoke };
}

/** Links to libraries that lie elsewhere may lead nowhere by now. */
function whatIsGone({ folder, record }: Installed): string | undefined {
  const files = [
    installedFiles.binding,
    ...libraryNames({ platform: process.platform }).map((name) => join(installedFiles.libraries, name)),
  ];
  const missing = files.find((file) => !existsSync(join(folder, file)));
  if (missing === undefined) return undefined;
  const { kind, python, folder: place } = record.source;
  if (kind === 'wheel') return `${missing} is gone. Install it again.`;
  return `It used the TensorFlow of ${String(python ?? place)}, which is gone. Install it again.`;
}

/** What runs go on with when an installation came to nothing, as a sentence. */
export async function whatRunsUse(folder: string): Promise<string> {
  const found = await readInstalled(folder);
  if (!found) return 'Runs go on with the embedded runtime.';
  return `The TensorFlow ${found.record.tensorflow} that is installed stays as it was.`;
}

/** One line for each thing that is known. */
export function describeStatus(status: RuntimeStatus): string {
  if (!status.installed) {
    return `TensorFlow is not installed. Runs use the embedded runtime; "sat runtime install" installs TensorFlow.`;
  }
  const { record, folder, problem, smoke } = status;
  const device = smoke?.gpu === undefined ? smoke?.device : `${smoke.device}, ${smoke.gpu}`;
  const place = record.source.kind === 'wheel' ? '' : `, its libraries in ${String(record.source['folder'])}`;
  return [
    `TensorFlow ${record.tensorflow}${record.cuda ? ' for CUDA' : ''}`,
    ...(device === undefined ? [] : [`device: ${device}`]),
    ...(smoke?.note === undefined ? [] : [`no GPU: ${smoke.note}`]),
    `size: ${formatBytes(record.sizeBytes)}${place}`,
    `path: ${folder}`,
    ...(problem === undefined ? [] : [`It cannot be used. ${problem} Until then runs use the embedded runtime.`]),
  ].join('\n');
}
