import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, libraryNames, type Machine } from './machine';
import { runProgram, whatItSaid } from './programs';
import { InstallProblem } from './problem';

export interface Compilation {
  /** The package's folder `native`, with binding/, node-api/ and prebuilt/. */
  native: string;
  /** TensorFlow's headers: the folder that holds `tensorflow/c/c_api.h`. */
  include: string;
  /** The folder with TensorFlow's two libraries. */
  libraries: string;
  /** The file to write. */
  output: string;
  machine: Machine;
  signal?: AbortSignal | undefined;
}

/**
 * Compiles the binding. It looks for TensorFlow's libraries in the folder `lib` beside itself.
 * @throws InstallProblem when there is no compiler, or it fails
 */
export async function compileBinding({ native, include, libraries, output, machine, signal }: Compilation) {
  const compiler = findProgram(['g++', 'clang++', 'c++']);
  if (compiler === undefined) {
    throw new InstallProblem(
      `The binding to TensorFlow must be compiled on this machine (${machine.platform}, ${machine.arch}), and there is no C++ ` +
        `compiler. Install one (${machine.platform === 'darwin' ? 'xcode-select --install' : 'for example: apt install g++'}), then try again.`,
    );
  }
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => join(native, 'binding', file));
  const perPlatform =
    machine.platform === 'darwin'
      ? ['-bundle', '-undefined', 'dynamic_lookup', '-Wl,-rpath,@loader_path/lib']
      : [join(native, 'oldLibstdcxx.cc'), '-shared', '-s', '-Wl,-rpath,$ORIGIN/lib', '-Wl,--as-needed'];
  const args = [
    ...['-std=c++17', '-O2', '-fPIC', '-w', '-DNAPI_VERSION=8'],
    ...[`-I${join(native, 'node-api')}`, `-I${include}`],
    ...sources,
    ...perPlatform,
    ...libraryNames(machine).map((name) => join(libraries, name)),
    ...['-o', output],
  ];
  const ended = await runProgram(compiler, args, { signal });
  if (ended.code !== 0) {
    throw new InstallProblem(
      `The binding to TensorFlow could not be compiled with ${compiler}: ${whatItSaid(ended.stderr, /error/i)} ` +
        'Install a compiler that knows C++17 (g++ 8 or newer).',
    );
  }
}

/** Of TensorFlow's headers, those that the binding may need, from version to version. */
export const neededHeaders = [
  'tensorflow/c/',
  'tensorflow/core/platform/',
  'tsl/platform/',
  'xla/tsl/c/',
  'xla/tsl/platform/',
];

/** The prebuilt binding for a machine, if there is one. */
export function prebuiltBinding(native: string, { platform, arch }: Machine): string | undefined {
  const folder = join(native, 'prebuilt', `${platform}-${arch}`);
  try {
    const file = readdirSync(folder).find((name) => name.endsWith('.node'));
    return file && join(folder, file);
  } catch {
    return undefined;
  }
}
