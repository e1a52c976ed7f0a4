import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { installRuntime } from '../../src/lab/runtimeInstall/install';
import { readInstalled } from '../../src/lab/runtimeInstall/installed';
import { installedRuntimeSchema } from '../../src/protocol/installedRuntime';
import { pretendTensorFlow, writeWheel } from '../support/wheel';
import { readText, until } from './programs';

const root = resolve(import.meta.dirname, '../..');
// The names of the libraries, and which processes live, are Linux's.
const linux = process.platform === 'linux' && process.arch === 'x64';

/** A package with the real `sat` and the real prebuilt binding, and a smoke computation that only pretends. */
let pack: string;
let place: string;
let bin: string;
/** SAT_RUNTIMES, and the folder of installations in it. */
let runtimes: string;
let folder: string;
let wheel: string;
let mark: string;
let members: Record<string, Buffer>;

beforeAll(async () => {
  pack = mkdtempSync(join(tmpdir(), 'sat-package-'));
  await build({
    absWorkingDir: root,
    entryPoints: { sat: 'src/cli/sat.ts', runtimeSmoke: 'test/faults/fakeSmoke.mjs' },
    outdir: join(pack, 'dist'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    mainFields: ['module', 'main'],
    define: { SAT_LAB_VERSION: '"0.0.0-test"' },
    logLevel: 'error',
  });
  symlinkSync(join(root, 'native'), join(pack, 'native'));
}, 60_000);
afterAll(() => rmSync(pack, { recursive: true, force: true }));

beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), 'sat-install-'));
  bin = join(place, 'bin');
  runtimes = join(place, 'runtimes');
  folder = join(runtimes, 'tensorflow');
  mark = join(place, 'mark');
  wheel = join(place, 'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl');
  mkdirSync(bin);
  program('python3', readFileSync(join(root, 'test/faults/fakePython.mjs'), 'utf8'));
  members = pretendTensorFlow();
  await writeWheel(wheel, { members });
});
afterEach(() => {
  // What a killed installer had started writes down who it is.
  const pid = Number(readText(mark));
  if (pid > 0 && lives(pid)) process.kill(pid, 'SIGKILL');
  rmSync(place, { recursive: true, force: true, maxRetries: 20 });
});

/** A program on PATH, in JavaScript. */
function program(name: string, code: string): void {
  const module = join(place, `${name}.mjs`);
  writeFileSync(module, code);
  writeFileSync(join(bin, name), `#!/bin/sh\nexport SELF="$0"\nexec '${process.execPath}' '${module}' "$@"\n`);
  chmodSync(join(bin, name), 0o755);
}

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts `sat runtime ...`, with a PATH on which only the pretended programs are. */
function start(args: string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [join(pack, 'dist/sat.js'), 'runtime', ...args], {
    cwd: place,
    env: { PATH: bin, HOME: place, SAT_RUNTIMES: runtimes, FAKE_WHEEL: wheel, FAKE_MARK: mark, ...env },
  });
  const told = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes: Buffer) => (told.stdout += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (told.stderr += bytes.toString()));
  const ended = new Promise<Ended>((done) => child.on('close', (code) => done({ code, ...told })));
  return { child, ended };
}

const sat = (args: string[], env?: NodeJS.ProcessEnv) => start(args, env).ended;

function lives(pid: number): boolean {
  const stat = readText(`/proc/${pid}/stat`);
  return stat !== '' && !/\) Z /.test(stat);
}

const names = () => (existsSync(folder) ? readdirSync(folder).sort() : []);

/** All is there, byte for byte, and nothing besides. */
async function expectInstalled(): Promise<string> {
  const installed = await readInstalled(folder);
  expect(installed).toBeDefined();
  expect(names()).toEqual([installed!.id, 'current.json']);
  expectWhole(installed!.folder);
  return installed!.id;
}

function expectWhole(installation: string): void {
  expect(readdirSync(installation).sort()).toEqual(['lib', 'runtime.json', 'tfjs_binding.node']);
  for (const name of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']) {
    expect(readFileSync(join(installation, 'lib', name)).equals(members[`tensorflow/${name}`]!)).toBe(true);
  }
}

async function expectNothing(): Promise<void> {
  expect(names()).toEqual([]);
  const { stdout, code } = await sat(['status', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ version: 1, installed: false });
}

/** One line that says all, and that runs go on. */
function expectProblem({ code, stderr }: Ended, ...words: RegExp[]): void {
  expect(code).toBe(1);
  const problems = stderr.split('\n').filter((line) => line.startsWith('sat: '));
  expect(problems).toHaveLength(1);
  for (const word of [...words, /Runs go on with the embedded runtime\.$/]) expect(problems[0]).toMatch(word);
  expect(stderr).not.toMatch(/\n\s+at /);
}

describe.runIf(linux)('sat runtime install', { timeout: 30_000 }, () => {
  it('says sizes, installs, and is listed and removed', async () => {
    const { code, stderr } = await sat(['install']);
    expect(stderr).toContain('downloads 274 MB, takes 854 MB on the disk (1.1 GB while it is installed)');
    expect(code).toBe(0);
    const id = await expectInstalled();
    expect(id).toMatch(/^2\.21\.0-cpu-/);
    const record = installedRuntimeSchema.parse(JSON.parse(readText(join(folder, id, 'runtime.json'))));
    expect(record).toMatchObject({
      version: 1,
      tensorflow: '2.21.0',
      cuda: false,
      source: { kind: 'wheel', requirement: 'tensorflow-cpu==2.21.0' },
      smoke: { device: 'CPU:0' },
    });
    expect(record.sizeBytes).toBeGreaterThan(330_000);
    const status = await sat(['status', '--json']);
    expect(JSON.parse(status.stdout)).toMatchObject({ version: 1, installed: true, id, smoke: { device: 'CPU:0' } });
    expect((await sat(['remove'])).code).toBe(0);
    await expectNothing();
  });

  it('replaces what was installed, and deletes nothing that is not its own', async () => {
    mkdirSync(join(folder, 'thesis'), { recursive: true });
    writeFileSync(join(folder, 'thesis', 'runtime.json'), '{"of": "somebody else"}');
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    await sat(['install']);
    const [first] = names();
    await sat(['install']);
    const installed = (await readInstalled(folder))!;
    expect(installed.id).not.toBe(first);
    expect(names()).toEqual([installed.id, 'current.json', 'notes.txt', 'thesis']);
    await sat(['remove']);
    expect(names()).toEqual(['notes.txt', 'thesis']);
    expect(readText(join(folder, 'thesis', 'runtime.json'))).toContain('somebody else');
  });

  it('does not count without current.json, and the next one clears it away', async () => {
    await sat(['install']);
    const [id] = names();
    rmSync(join(folder, 'current.json'));
    expect(JSON.parse((await sat(['status', '--json'])).stdout)).toMatchObject({ installed: false });
    await sat(['install']);
    expect(await expectInstalled()).not.toBe(id);
  });

  it('says so when a library is gone', async () => {
    await sat(['install']);
    rmSync(join(folder, await expectInstalled(), 'lib/libtensorflow_cc.so.2'));
    const { code, stdout } = await sat(['status']);
    expect(code).toBe(1);
    expect(stdout).toContain('libtensorflow_cc.so.2 is gone. Install it again.');
  });
});

describe.runIf(linux)('a kill', { timeout: 30_000 }, () => {
  it.each([
    ['while pip downloads', { FAKE_PIP: 'hang' }],
    ['while it computes', { FAKE_SMOKE: 'hang' }],
  ])('%s leaves nothing valid, and the next install nothing of it', async (_, env) => {
    const { child, ended } = start(['install'], env);
    await until('the mark', () => readText(mark) !== '');
    child.kill('SIGKILL');
    await ended;
    expect(names().some((name) => name.startsWith('.staging-'))).toBe(true);
    expect(await readInstalled(folder)).toBeUndefined();
    expect((await sat(['install'])).code).toBe(0);
    await expectInstalled();
  });

  it('at any moment leaves the earlier installation or the whole new one', async () => {
    members = pretendTensorFlow(20_000_000);
    await writeWheel(wheel, { members });
    await sat(['install']);
    const first = await expectInstalled();
    const began = Date.now();
    await sat(['install']);
    const whole = Date.now() - began;
    let replaced = 0;
    for (let part = 1; part <= 10; part++) {
      const { child, ended } = start(['install']);
      await sleep((whole * part) / 10);
      child.kill('SIGKILL');
      await ended;
      const installed = await readInstalled(folder);
      expect(installed).toBeDefined();
      expectWhole(installed!.folder);
      if (installed!.id !== first) replaced += 1;
    }
    expect(replaced).toBeGreaterThan(0);
    expect((await sat(['install'])).code).toBe(0);
    await expectInstalled();
  });

  it('by Ctrl-C ends pip and leaves nothing', async () => {
    const { child, ended } = start(['install'], { FAKE_PIP: 'hang' });
    await until('the mark', () => readText(mark) !== '');
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toContain('Cancelled; nothing was changed. Runs go on with the embedded runtime.');
    await until('pip has ended', () => !lives(Number(readText(mark))));
    await expectNothing();
  });
});

describe.runIf(linux)('two at once', { timeout: 30_000 }, () => {
  it('are one installation and one message', async () => {
    const first = start(['install'], { FAKE_SMOKE: 'hang' });
    await until('the mark', () => readText(mark) !== '');
    const second = await sat(['install']);
    expectProblem(second, /being installed or removed by process \d+ already\. Wait/);
    expect(second.stderr).toContain(`process ${first.child.pid ?? ''} `);
    expect(await sat(['remove'])).toMatchObject({ code: 1, stderr: expect.stringContaining('already') as string });
    process.kill(Number(readText(mark)), 'SIGKILL');
    expectProblem(await first.ended, /does not run here: it was killed/);
    await expectNothing();
  });

  it('started at the same moment never mix', async () => {
    const ended = await Promise.all(Array.from({ length: 3 }, () => sat(['install'])));
    expect(ended.filter(({ code }) => code === 0).length).toBeGreaterThan(0);
    for (const one of ended.filter(({ code }) => code !== 0)) expect(one.stderr).toContain('already');
    await expectInstalled();
  });
});

describe.runIf(linux)('a wheel', { timeout: 30_000 }, () => {
  it('with a wrong checksum is refused', async () => {
    await writeWheel(wheel, { members, wrong: ['tensorflow/libtensorflow_cc.so.2'] });
    expectProblem(await sat(['install']), /is damaged \(tensorflow\/libtensorflow_cc\.so\.2 has a wrong checksum\)/);
    await expectNothing();
  });

  it('with a changed byte is refused', async () => {
    const bytes = readFileSync(wheel);
    bytes[5000]! ^= 0xff;
    writeFileSync(wheel, bytes);
    expectProblem(await sat(['install']), /is damaged .* Try again/);
    await expectNothing();
  });

  it('that was cut short is refused', async () => {
    writeFileSync(wheel, readFileSync(wheel).subarray(0, 100_000));
    expectProblem(await sat(['install']), /is damaged .* Try again/);
    await expectNothing();
  });

  it('without the library is refused', async () => {
    delete members['tensorflow/libtensorflow_cc.so.2'];
    await writeWheel(wheel, { members });
    expectProblem(await sat(['install']), /has no libtensorflow_cc\.so\.2/);
    await expectNothing();
  });
});

describe.runIf(linux)('without', { timeout: 30_000 }, () => {
  it.each([
    ['pip', 'absent', /has no pip.*apt install python3-pip/],
    ['a network', 'offline', /pip does not reach its package index\. Check the network/],
    ['such a wheel', 'unknown', /package index has no tensorflow-cpu==2\.21\.0/],
    ['space for pip', 'full', /became full; the installation needs 1\.1 GB\. Free some space/],
  ])('%s, it says what to do', async (_, behaviour, words) => {
    expectProblem(await sat(['install'], { FAKE_PIP: behaviour }), words);
    await expectNothing();
  });

  it('a Python, it says what to do', async () => {
    rmSync(join(bin, 'python3'));
    expectProblem(await sat(['install']), /No Python 3 was found on PATH.*apt install python3-pip/);
  });

  it('a compiler, it works where the prebuilt binding loads, and else says what to install', async () => {
    expectProblem(await sat(['install'], { FAKE_SMOKE: 'old-libstdcxx' }), /no C\+\+ compiler.*apt install g\+\+/);
    await expectNothing();
    expect((await sat(['install'])).code).toBe(0);
  });

  it('a libstdc++ for the prebuilt binding, it compiles one with TensorFlow’s headers', async () => {
    program(
      'g++',
      `import { existsSync, writeFileSync } from 'node:fs';
       const include = process.argv.findLast((word) => word.startsWith('-I')).slice(2);
       if (!existsSync(include + '/tensorflow/c/c_api.h') || existsSync(include + '/Eigen')) process.exit(1);
       writeFileSync(process.argv.at(-1), 'compiled');`,
    );
    const { code, stderr } = await sat(['install'], { FAKE_SMOKE: 'old-libstdcxx' });
    expect(stderr).toContain('Compiling the binding');
    expect(code).toBe(0);
    expect(readText(join(folder, await expectInstalled(), 'tfjs_binding.node'))).toBe('compiled');
  });

  it('a glibc or a processor for TensorFlow, it says so and compiles nothing', async () => {
    program('g++', 'process.exit(1)');
    expectProblem(await sat(['install'], { FAKE_SMOKE: 'old-libc' }), /needs a newer glibc \(version GLIBC_2\.27\)/);
    expectProblem(await sat(['install'], { FAKE_SMOKE: 'illegal' }), /processor lacks instructions.*AVX/);
    await expectNothing();
  });

  it('a folder that can be written, it says so', async () => {
    writeFileSync(runtimes, 'a file');
    expectProblem(await sat(['install']), /cannot be written.*Set SAT_RUNTIMES/);
  });
});

/** Why no small disk can be made here, or undefined when it can. */
const noTmpfs = (() => {
  if (!linux) return 'tmpfs is Linux’s';
  if (process.getuid?.() !== 0) return 'only root mounts a tmpfs';
  const folder = mkdtempSync(join(tmpdir(), 'sat-tmpfs-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]).status === 0;
  if (mounted) spawnSync('umount', [folder]);
  rmSync(folder, { recursive: true });
  return mounted ? undefined : 'this machine mounts no tmpfs';
})();

describe.skipIf(noTmpfs !== undefined)(
  `no space${noTmpfs ? ` (skipped: ${noTmpfs})` : ''}`,
  { timeout: 30_000 },
  () => {
    beforeEach(() => {
      mkdirSync(runtimes);
      expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', runtimes]).status).toBe(0);
    });
    afterEach(() => {
      expect(spawnSync('umount', [runtimes]).status).toBe(0);
    });

    it('is seen before anything is downloaded', async () => {
      const ended = await sat(['install'], { FAKE_PIP: 'hang' });
      expectProblem(ended, /has 2(\.\d)? MB free, and the installation needs 1\.1 GB\. Free some space/);
      expect(readText(mark)).toBe('');
      await expectNothing();
    });

    it('in the middle leaves nothing, and the disk empty', async () => {
      members = pretendTensorFlow(1_500_000);
      await writeWheel(wheel, { members });
      process.env['FAKE_WHEEL'] = wheel;
      const installing = installRuntime({
        folder,
        machine: { platform: 'linux', arch: 'x64', libc: 'glibc' },
        tools: { node: process.execPath, dist: join(pack, 'dist') },
        source: {
          ...{
            kind: 'wheel',
            title: 'TensorFlow',
            python: join(bin, 'python3'),
            requirement: 'tensorflow-cpu==2.21.0',
          },
          ...{ cuda: false, downloadBytes: 1000, diskBytes: 1000 },
        },
      });
      await expect(installing).rejects.toThrow(/became full; the installation needs 2 kB\. Free some space/);
      delete process.env['FAKE_WHEEL'];
      await expectNothing();
    });
  },
);
