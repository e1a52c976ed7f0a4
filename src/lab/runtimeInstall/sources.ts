import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import { formatBytes } from '../format';
import { findProgram, libraryNames, type Machine } from './machine';
import { InstallProblem } from './problem';
import { runProgram } from './programs';

export const sourceKinds = ['python', 'wheel', 'package'] as const;
export type SourceKind = (typeof sourceKinds)[number];

interface Common {
  /** One line for people. */
  title: string;
  /** Whether this TensorFlow was built for CUDA. */
  cuda: boolean;
  downloadBytes: number;
  /** What the finished installation takes. */
  diskBytes: number;
}

/** A Python's TensorFlow, used where it lies. */
export interface PythonSource extends Common {
  kind: 'python';
  python: string;
  /** Of the Python package `tensorflow`. */
  folder: string;
}

/** A wheel that pip fetches. */
export interface WheelSource extends Common {
  kind: 'wheel';
  python: string;
  requirement: string;
}

/** An npm package tfjs-node or tfjs-node-gpu with its libraries, used where it lies. */
export interface PackageSource extends Common {
  kind: 'package';
  folder: string;
}

export type Source = PythonSource | WheelSource | PackageSource;

interface Wanted {
  kind?: SourceKind | undefined;
  /** A Python program, or the folder of an environment; then no other is looked at. */
  python?: string | undefined;
  /** Pythons to look at before those of the environment. */
  preferred?: readonly string[];
  machine: Machine;
  env?: NodeJS.ProcessEnv;
  /** Where to look for node_modules, upwards. */
  from?: string;
}

/** "downloads 274 MB, takes 854 MB on the disk (1.1 GB while it is installed)". */
export function describeSizes({ downloadBytes, diskBytes }: Source): string {
  if (downloadBytes === 0) return `downloads nothing, takes ${formatBytes(diskBytes)} on the disk`;
  const peak = formatBytes(downloadBytes + diskBytes);
  return `downloads ${formatBytes(downloadBytes)}, takes ${formatBytes(diskBytes)} on the disk (${peak} while it is installed)`;
}

/** The version that was tested and measured. */
const tensorflowVersion = '2.21.0';

/** What its wheels take, in bytes: the download, and what is unpacked of it. */
const wheels: Record<string, { requirement: string; cuda: boolean; downloadBytes: number; diskBytes: number }> = {
  'linux-x64': { requirement: 'tensorflow-cpu', cuda: false, downloadBytes: 274e6, diskBytes: 854e6 },
  'linux-x64-cuda': { requirement: 'tensorflow', cuda: true, downloadBytes: 3.38e9, diskBytes: 5.7e9 },
  'linux-arm64': { requirement: 'tensorflow', cuda: false, downloadBytes: 282e6, diskBytes: 0.9e9 },
  'darwin-arm64': { requirement: 'tensorflow', cuda: false, downloadBytes: 223e6, diskBytes: 0.9e9 },
};

/**
 * Where TensorFlow can be had from, the best first: one that can use this machine's GPU, then one that is here already.
 * @throws InstallProblem when there is none, saying what to install
 */
export async function findSources(wanted: Wanted): Promise<Source[]> {
  const { kind, machine, env = process.env } = wanted;
  const gpus = await nvidiaGpus();
  const pythons = await findPythons(wanted, env);
  const wants = (other: SourceKind) => kind === undefined || kind === other;
  const sources: Source[] = [
    ...(wants('python') ? pythons.flatMap((python) => pythonSource(python, machine) ?? []) : []),
    ...(wants('package') ? await packageSources(machine, env, wanted.from ?? process.cwd()) : []),
    ...(wants('wheel') ? wheelSources(pythons, machine, gpus.length > 0) : []),
  ];
  if (sources.length === 0) throw new InstallProblem(nothingFound(wanted, pythons));
  // A sort is stable: what is here already stays before what is downloaded.
  const usesGpu = ({ cuda }: Source) => (gpus.length > 0 && cuda ? 0 : 1);
  return sources.sort((a, b) => usesGpu(a) - usesGpu(b));
}

function nothingFound({ kind, python, machine }: Wanted, pythons: readonly Python[]): string {
  if (kind === 'package') {
    return 'No node_modules here has @tensorflow/tfjs-node-gpu or tfjs-node with its libraries (deps/lib). Choose another source.';
  }
  const place = python === undefined ? 'PATH' : `there (${python})`;
  if (pythons.length === 0) {
    return python === undefined
      ? 'No Python 3 was found on PATH; its pip is what downloads TensorFlow. Install one (for example: apt install python3-pip), or name it with --python PATH.'
      : `${python} is no Python 3 that runs. Name the program, or the folder of its environment.`;
  }
  if (kind === 'python') {
    const name = libraryNames(machine)[0];
    const old = pythons.find(({ tensorflow }) => tensorflow);
    return old
      ? `The TensorFlow ${old.tensorflow?.version ?? ''} of ${old.executable} has no ${name}. Update it: ${old.executable} -m pip install --upgrade tensorflow.`
      : `No Python on ${place} has TensorFlow. Name one with --python PATH, or take --source wheel, which downloads it.`;
  }
  return `${pythons[0]?.executable ?? 'Python'} has no pip, which is what downloads TensorFlow. Install it (for example: apt install python3-pip), or name another Python with --python PATH.`;
}

const pythonSchema = z.object({
  executable: z.string(),
  version: z.string(),
  pip: z.boolean(),
  tensorflow: z.object({ folder: z.string(), version: z.string(), cuda: z.boolean() }).nullable(),
});
type Python = z.output<typeof pythonSchema>;

/** Importing TensorFlow takes seconds; where and what it is can be known without. */
const question = `
import importlib.metadata as metadata, importlib.util as util, json, os, sys
def find(name):
    try: return util.find_spec(name)
    except Exception: return None
def version():
    for name in ('tensorflow', 'tensorflow-cpu', 'tensorflow-gpu', 'tf-nightly', 'tensorflow-macos'):
        try: return metadata.version(name)
        except metadata.PackageNotFoundError: pass
    return ''
def cuda(folder):
    try: return "'is_cuda_build', True" in open(os.path.join(folder, 'python', 'platform', 'build_info.py')).read()
    except OSError: return False
spec = find('tensorflow')
places = list(spec.submodule_search_locations or []) if spec else []
found = {'folder': places[0], 'version': version(), 'cuda': cuda(places[0])} if places else None
print(json.dumps({'executable': sys.executable, 'version': '%d.%d.%d' % sys.version_info[:3], 'pip': find('pip') is not None, 'tensorflow': found}))
`;

async function findPythons({ python, preferred = [] }: Wanted, env: NodeJS.ProcessEnv): Promise<Python[]> {
  const environments = [env['VIRTUAL_ENV'], env['CONDA_PREFIX']].flatMap((folder) => (folder ? [folder] : []));
  const onPath = ['python3', 'python'].flatMap((name) => findProgram([name], env['PATH']) ?? []);
  const candidates = python === undefined ? [...preferred, ...environments, ...onPath] : [python];
  const asked = await Promise.all([...new Set(candidates.map(programOf))].map(askPython));
  const seen = new Set<string>();
  return asked.filter(
    (found) => found !== undefined && !seen.has(found.executable) && seen.add(found.executable),
  ) as Python[];
}

/** The program of an environment, or what was named itself. */
function programOf(place: string): string {
  const inside = ['bin/python3', 'bin/python'].map((path) => join(place, path)).find(existsSync);
  return inside ?? findProgram([place]) ?? resolve(place);
}

async function askPython(program: string): Promise<Python | undefined> {
  try {
    // From a folder of its own, or a file here called tensorflow.py would be found.
    const { code, stdout } = await runProgram(program, ['-I', '-c', question], { timeout: 20_000 });
    return code === 0 ? pythonSchema.parse(JSON.parse(stdout)) : undefined;
  } catch {
    return undefined;
  }
}

function pythonSource({ executable, tensorflow }: Python, machine: Machine): PythonSource | undefined {
  if (!tensorflow || !libraryNames(machine).every((name) => existsSync(join(tensorflow.folder, name))))
    return undefined;
  const { folder, version, cuda } = tensorflow;
  const title = `TensorFlow ${version} of ${executable}`;
  return { kind: 'python', title, python: executable, folder, cuda, downloadBytes: 0, diskBytes: linkBytes };
}

/** Links and the binding. */
const linkBytes = 100e3;

function wheelSources(pythons: readonly Python[], { platform, arch }: Machine, gpu: boolean): WheelSource[] {
  const python = pythons.find(({ pip }) => pip)?.executable;
  if (python === undefined) return [];
  const names = gpu ? [`${platform}-${arch}-cuda`, `${platform}-${arch}`] : [`${platform}-${arch}`];
  return names.flatMap((name) => {
    const wheel = wheels[name];
    if (!wheel) return [];
    const title = `TensorFlow ${tensorflowVersion}${wheel.cuda ? ' with CUDA 12' : ' for the CPU'}, downloaded with pip`;
    return [{ ...wheel, kind: 'wheel', title, python, requirement: `${wheel.requirement}==${tensorflowVersion}` }];
  });
}

async function packageSources(machine: Machine, env: NodeJS.ProcessEnv, from: string): Promise<PackageSource[]> {
  const global = join(dirname(dirname(process.execPath)), 'lib', 'node_modules');
  const places = [...upwards(from).map((folder) => join(folder, 'node_modules')), env['NODE_PATH'] ?? '', global];
  const folders = ['tfjs-node-gpu', 'tfjs-node'].flatMap((name) =>
    places.filter(Boolean).map((place) => join(place, '@tensorflow', name)),
  );
  const complete = folders.filter((folder) => packageLibrary(folder, machine));
  return Promise.all(
    complete.map(async (folder) => {
      const { version } = z
        .object({ version: z.string() })
        .parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')));
      const [cuda, title] = [
        basename(folder) === 'tfjs-node-gpu',
        `${basename(folder)} ${version} in ${dirname(folder)}`,
      ];
      return { kind: 'package', title, folder, cuda, downloadBytes: 0, diskBytes: linkBytes };
    }),
  );
}

/** The one library with TensorFlow's whole C API, under whichever name an npm package has it. */
export function packageLibrary(folder: string, machine: Machine): string | undefined {
  const names = [
    libraryNames(machine)[0],
    machine.platform === 'darwin' ? 'libtensorflow.2.dylib' : 'libtensorflow.so.2',
  ];
  return names.map((name) => join(folder, 'deps', 'lib', name)).find(existsSync);
}

function upwards(folder: string): string[] {
  const up = dirname(folder);
  return up === folder ? [folder] : [folder, ...upwards(up)];
}

/** The NVIDIA GPUs of this machine, as its driver calls them. */
export async function nvidiaGpus(): Promise<string[]> {
  try {
    const { code, stdout } = await runProgram('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader'], {
      timeout: 10_000,
    });
    return code === 0 ? stdout.split('\n').flatMap((line) => line.trim() || []) : [];
  } catch {
    return [];
  }
}
