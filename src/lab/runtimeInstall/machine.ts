import { existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What decides which libraries can run here. */
export interface Machine {
  platform: NodeJS.Platform;
  arch: string;
  /** Of Linux alone. */
  libc?: 'glibc' | 'musl' | undefined;
}

export function thisMachine(): Machine {
  const { platform, arch } = process;
  return platform === 'linux' ? { platform, arch, libc: usesGlibc() ? 'glibc' : 'musl' } : { platform, arch };
}

function usesGlibc(): boolean {
  // Else the report asks name servers for every connection that is open.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime !== undefined;
}

/** Why TensorFlow cannot run on such a machine, and what can be done; undefined when it can. */
export function unsupported({ platform, arch, libc }: Machine): string | undefined {
  const supported = ['linux-x64', 'linux-arm64', 'darwin-arm64'];
  if (platform === 'win32') {
    return 'TensorFlow’s packages for Windows lack the library that is needed. Work in WSL, where it can be installed.';
  }
  if (!supported.includes(`${platform}-${arch}`)) {
    return `There is no TensorFlow for ${platform} on ${arch}. It exists for ${supported.join(', ')}; use a machine of that kind.`;
  }
  if (libc === 'musl') {
    return 'TensorFlow needs glibc, and this system has musl (Alpine). Use an image with glibc, such as Debian or Ubuntu.';
  }
  return undefined;
}

/** TensorFlow's two libraries, as the linker and the loader know them. */
export function libraryNames({ platform }: Pick<Machine, 'platform'>): [main: string, framework: string] {
  return platform === 'darwin'
    ? ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib']
    : ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
}

/** The first of these programs that is on PATH, absolute. */
export function findProgram(names: readonly string[], path = process.env['PATH'] ?? ''): string | undefined {
  const folders = path.split(delimiter).filter(Boolean);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

function isProgram(file: string): boolean {
  return existsSync(file) && statSync(file).isFile();
}
