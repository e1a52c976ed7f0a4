import { existsSync } from 'node:fs';
import { lstat, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { installedFiles } from '../../protocol/installedRuntime';
import { neededHeaders } from './compile';
import type { InstallOptions } from './install';
import { libraryNames, type Machine } from './machine';
import { downloadWheels } from './pip';
import { InstallProblem } from './problem';
import { progressOf } from './progress';
import { packageLibrary, type PackageSource, type PythonSource, type WheelSource } from './sources';
import { requirementsOf, unpackWheel } from './wheel';

/** Puts TensorFlow's libraries in their place. @returns the folder with its headers */
export function placeLibraries(staging: string, options: InstallOptions): Promise<string> {
  const libraries = join(staging, installedFiles.libraries);
  const { source } = options;
  if (source.kind === 'python') return linkPython(source, staging, libraries, options.machine);
  if (source.kind === 'package') return linkPackage(source, libraries, options.machine);
  return unpackWheels(source, staging, options);
}

async function linkPython({ folder }: PythonSource, staging: string, libraries: string, machine: Machine) {
  for (const name of libraryNames(machine)) await symlink(join(folder, name), join(libraries, name));
  // TensorFlow looks for CUDA in ../nvidia, as seen from the folder of its libraries.
  const nvidia = join(dirname(folder), 'nvidia');
  if (existsSync(nvidia)) await symlink(nvidia, join(staging, 'nvidia'));
  return join(folder, 'include');
}

async function linkPackage({ folder }: PackageSource, libraries: string, machine: Machine): Promise<string> {
  const [name, framework] = libraryNames(machine);
  const library = packageLibrary(folder, machine) ?? join(folder, 'deps', 'lib', name);
  await symlink(library, join(libraries, name));
  // A binding that is compiled against it asks for it by its own name.
  if (basename(library) !== name) await symlink(library, join(libraries, basename(library)));
  await symlink(join(folder, 'deps', 'lib', framework), join(libraries, framework));
  return join(folder, 'deps', 'include');
}

async function unpackWheels(source: WheelSource, staging: string, options: InstallOptions): Promise<string> {
  const { machine, signal, onProgress } = options;
  const { python, requirement, downloadBytes, diskBytes } = source;
  const downloaded = progressOf('download', downloadBytes, onProgress);
  const fetch = async (requirements: string[], name: string, before: number) =>
    downloadWheels({
      ...{ python, requirements, machine, signal, folder: join(staging, name) },
      onSize: (bytes) => downloaded(before + bytes),
    });
  const [tensorflow] = await fetch([requirement], 'download', 0);
  if (tensorflow === undefined)
    throw new InstallProblem(`pip downloaded no wheel of ${requirement}. Update pip, then try again.`);
  const wheels = [tensorflow];
  if (source.cuda) {
    const { size } = await lstat(tensorflow);
    wheels.push(...(await fetch(await requirementsOf(tensorflow, 'and-cuda'), 'cuda', size)));
  }
  const unpacked = progressOf('unpack', diskBytes, onProgress);
  let bytes = 0;
  const place = memberPlace(staging, machine);
  for (const wheel of wheels) {
    await unpackWheel(wheel, place, { signal, onBytes: (count) => unpacked((bytes += count)) });
    await rm(wheel);
  }
  for (const name of libraryNames(machine)) {
    if (!existsSync(join(staging, installedFiles.libraries, name))) {
      throw new InstallProblem(
        `${basename(tensorflow)} has no ${name}. Take another source: sat runtime install --source python.`,
      );
    }
  }
  await Promise.all(['download', 'cuda'].map((name) => rm(join(staging, name), { recursive: true, force: true })));
  return join(staging, 'include');
}

/** Which members of the wheels are needed, and where: libraries, the headers of the binding, and CUDA's programs. */
function memberPlace(staging: string, machine: Machine): (member: string) => string | undefined {
  const libraries = new Map(
    libraryNames(machine).map((name) => [`tensorflow/${name}`, join(installedFiles.libraries, name)]),
  );
  return (member) => {
    const library = libraries.get(member);
    if (library !== undefined) return join(staging, library);
    const header = member.startsWith('tensorflow/include/') ? member.slice('tensorflow/include/'.length) : undefined;
    if (header !== undefined && neededHeaders.some((prefix) => header.startsWith(prefix))) {
      return join(staging, 'include', header);
    }
    return /^nvidia\/[^/]+\/(lib|bin|nvvm)\//.test(member) ? join(staging, member) : undefined;
  };
}
