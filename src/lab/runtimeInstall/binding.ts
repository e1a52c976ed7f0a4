import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installedFiles } from '../../protocol/installedRuntime';
import { checkRuntime, type Checked } from './check';
import { compileBinding, prebuiltBinding } from './compile';
import type { InstallOptions } from './install';
import { InstallProblem } from './problem';
import type { Source } from './sources';

type Works = Extract<Checked, { ok: true }>;
type Fails = Extract<Checked, { ok: false }>;

/**
 * Gives the libraries their binding: the prebuilt one if it loads, else one that is compiled here.
 * @param include the folder with TensorFlow's headers
 * @throws InstallProblem when none computes
 */
export async function placeBinding(staging: string, include: string, options: InstallOptions): Promise<Works> {
  const { source, machine, tools, signal, onProgress } = options;
  const native = join(tools.dist, '..', 'native');
  const output = join(staging, installedFiles.binding);
  const check = () => {
    onProgress?.({ phase: 'check' });
    return checkRuntime(staging, source.cuda, tools, signal);
  };
  const prebuilt = prebuiltBinding(native, machine);
  if (prebuilt !== undefined) {
    await copyFile(prebuilt, output);
    const checked = await check();
    if (checked.ok) return checked;
    if (!isBindingsFault(checked)) throw new InstallProblem(whyItDoesNotRun(checked.reason, source));
  }
  onProgress?.({ phase: 'compile' });
  const libraries = join(staging, installedFiles.libraries);
  await compileBinding({ native, include, libraries, output, machine, signal });
  const checked = await check();
  if (checked.ok) return checked;
  throw new InstallProblem(whyItDoesNotRun(checked.reason, source));
}

/**
 * Whether another binding might load: not where TensorFlow's own library is at fault, as in
 * "libc.so.6: version `GLIBC_2.27' not found (required by lib/libtensorflow_cc.so.2)".
 */
function isBindingsFault({ loading, reason }: Fails): boolean {
  return loading && (reason.includes(installedFiles.binding) || !/libtensorflow/.test(reason));
}

function whyItDoesNotRun(reason: string, source: Source): string {
  const version = /version [`']?(GLIBC|GLIBCXX|CXXABI)_([\d.]+)/.exec(reason);
  if (version) {
    const [what, update] =
      version[1] === 'GLIBC'
        ? ['glibc', 'a newer release of this Linux']
        : ['libstdc++', 'a newer libstdc++ (package libstdc++6)'];
    return `${source.title} does not run here: it needs a newer ${what} (${version[0].replace(/[`']/g, '')}). Take ${update}.`;
  }
  if (/ELF|wrong architecture|mach-o/i.test(reason)) {
    return `${source.title} is for another architecture than this Node (${process.arch}). Take a Node and a TensorFlow of one kind.`;
  }
  return `${source.title} does not run here: ${reason}. Try another source (--source ${source.kind === 'wheel' ? 'python' : 'wheel'}).`;
}
