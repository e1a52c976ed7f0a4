import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { folderSize } from '../folderSize';
import type { Machine } from './machine';
import { InstallProblem } from './problem';
import { runProgram, whatItSaid } from './programs';

interface DownloadOptions {
  python: string;
  /** As pip takes them: "tensorflow-cpu==2.21.0". */
  requirements: string[];
  /** An empty folder for the wheels; pip's temporary files go beside it. */
  folder: string;
  machine: Machine;
  signal?: AbortSignal | undefined;
  /** Hears how much is there, in bytes. */
  onSize?: (bytes: number) => void;
}

/** The wheels of one Python serve: only libraries are taken from them. So any Python 3 with pip can fetch them. */
const wheelsOf = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311', '--only-binary=:all:'];

const platformTags: Record<string, string[]> = {
  'linux-x64': ['manylinux_2_27_x86_64', 'manylinux2014_x86_64'],
  'linux-arm64': ['manylinux_2_27_aarch64', 'manylinux2014_aarch64'],
  'darwin-arm64': ['macosx_12_0_arm64'],
};

/**
 * Downloads wheels, without what they depend on.
 * @returns their paths
 * @throws InstallProblem in words: no pip, no network, no such wheel
 */
export async function downloadWheels({ python, requirements, folder, machine, signal, onSize }: DownloadOptions) {
  const temporary = `${folder}.tmp`;
  await mkdir(folder, { recursive: true });
  await mkdir(temporary, { recursive: true });
  const platforms = (platformTags[`${machine.platform}-${machine.arch}`] ?? []).flatMap((tag) => ['--platform', tag]);
  const watch = setInterval(() => {
    void Promise.all([folderSize(folder), folderSize(temporary)]).then(([done, doing]) => onSize?.(done + doing));
  }, 250);
  try {
    const options = ['--no-deps', '--no-cache-dir', '--progress-bar', 'off', '--retries', '2', '--timeout', '20'];
    const args = ['-m', 'pip', 'download', ...options, ...wheelsOf, ...platforms, '-d', folder, ...requirements];
    const ended = await runProgram(python, args, {
      signal,
      env: {
        ...process.env,
        // A download that is cut short must go with the staging folder, and fill no other disk.
        TMPDIR: temporary,
        PIP_DISABLE_PIP_VERSION_CHECK: '1',
        PIP_REQUIRE_VIRTUALENV: '0',
      },
    });
    if (ended.code !== 0) throw pipProblem(python, requirements, `${ended.stdout}\n${ended.stderr}`);
    await rm(temporary, { recursive: true, force: true });
    return (await readdir(folder)).filter((name) => name.endsWith('.whl')).map((name) => join(folder, name));
  } finally {
    clearInterval(watch);
  }
}

/** What pip's many words come down to. */
function pipProblem(python: string, requirements: string[], output: string): Error {
  const what = requirements.length === 1 ? requirements[0] : 'the CUDA libraries';
  if (/No space left on device|Errno 28/i.test(output)) {
    return Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  }
  if (/No module named pip/.test(output)) {
    return new InstallProblem(
      `${python} has no pip. Install it (for example: apt install python3-pip, or ${python} -m ensurepip), then try again.`,
    );
  }
  const network =
    /NewConnectionError|Failed to establish|name resolution|Name or service not known|nodename nor servname|Connect(ion)?Timeout|Read timed out|ProxyError|SSLError|Connection (refused|reset|aborted)|Network is unreachable/i;
  if (network.test(output)) {
    return new InstallProblem(
      `${what} could not be downloaded: pip does not reach its package index. Check the network and pip’s proxy and index ` +
        '(pip config list), or install from a Python that has TensorFlow: sat runtime install --source python --python PATH.',
    );
  }
  if (/HASHES? ?.*DO NOT MATCH|IncompleteRead|incomplete-download/i.test(output)) {
    return new InstallProblem(`The download of ${what} was cut short or changed on its way. Try again.`);
  }
  if (/No matching distribution|Could not find a version/i.test(output)) {
    return new InstallProblem(
      `pip’s package index has no ${what} for this platform. Point pip at one that has it (pip config set global.index-url ` +
        'URL), or update pip: python3 -m pip install --upgrade pip.',
    );
  }
  return new InstallProblem(
    `${what} could not be downloaded: ${whatItSaid(output, /error/i)} Updating pip may help: ${python} -m pip install --upgrade pip.`,
  );
}
