import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeSizes, findSources } from './sources';

const machine = { platform: 'linux', arch: 'x64', libc: 'glibc' } as const;
const path = process.env['PATH'];

let place: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'sat-sources-'));
  process.env['PATH'] = join(place, 'bin');
  mkdirSync(join(place, 'bin'));
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(place, { recursive: true, force: true });
});

function program(file: string, output: string): string {
  writeFileSync(file, `#!/bin/sh\ncat <<'END'\n${output}\nEND\n`.replace('cat', '/bin/cat'));
  chmodSync(file, 0o755);
  return file;
}

/** A Python environment that says what it has. */
function python(name: string, tensorflow: { version: string; cuda: boolean } | null, pip = true): string {
  const environment = join(place, name);
  const folder = join(environment, 'tensorflow');
  mkdirSync(join(environment, 'bin'), { recursive: true });
  mkdirSync(folder);
  if (tensorflow) {
    for (const library of ['cc', 'framework']) writeFileSync(join(folder, `libtensorflow_${library}.so.2`), '');
  }
  const file = join(environment, 'bin', 'python3');
  const found = tensorflow && { folder, ...tensorflow };
  program(file, JSON.stringify({ executable: file, version: '3.12.1', pip, tensorflow: found }));
  return environment;
}

const nvidia = () => program(join(place, 'bin', 'nvidia-smi'), 'NVIDIA H200');

function find(wanted: Partial<Parameters<typeof findSources>[0]> = {}, env: NodeJS.ProcessEnv = {}) {
  return findSources({ machine, from: place, ...wanted, env: { PATH: process.env['PATH'], ...env } });
}

describe.runIf(process.platform !== 'win32')('sources of TensorFlow', () => {
  it('begin with what is here already', async () => {
    const environment = python('env', { version: '2.20.0', cuda: false });
    const sources = await find({}, { VIRTUAL_ENV: environment });
    expect(sources.map(({ kind }) => kind)).toEqual(['python', 'wheel']);
    expect(sources[0]).toMatchObject({ folder: join(environment, 'tensorflow'), downloadBytes: 0 });
    expect(sources[1]).toMatchObject({ requirement: 'tensorflow-cpu==2.21.0', cuda: false });
  });

  it('begin with one for CUDA where there is a GPU', async () => {
    nvidia();
    const sources = await find({}, { VIRTUAL_ENV: python('env', { version: '2.20.0', cuda: false }) });
    expect(sources.map(({ kind, cuda }) => [kind, cuda])).toEqual([
      ['wheel', true],
      ['python', false],
      ['wheel', false],
    ]);
    expect(sources[0]).toMatchObject({ requirement: 'tensorflow==2.21.0' });
    expect(describeSizes(sources[0]!)).toBe(
      'downloads 3.4 GB, takes 5.7 GB on the disk (9.1 GB while it is installed)',
    );
  });

  it('prefer a Python’s own CUDA to a download', async () => {
    nvidia();
    const [first] = await find({ preferred: [python('env', { version: '2.20.0', cuda: true })] });
    expect(first).toMatchObject({ kind: 'python', cuda: true });
  });

  it('are of one Python alone when it is named', async () => {
    const env = { VIRTUAL_ENV: python('env', { version: '2.20.0', cuda: false }) };
    const named = python('other', null);
    const sources = await find({ python: named }, env);
    expect(sources).toMatchObject([{ kind: 'wheel', python: join(named, 'bin', 'python3') }]);
    await expect(find({ python: named, kind: 'python' }, env)).rejects.toThrow(
      /has TensorFlow\. Name one with --python/,
    );
  });

  it('count an npm package only with its libraries', async () => {
    const folder = join(place, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
    mkdirSync(join(folder, 'deps', 'lib'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"version": "4.22.0"}');
    await expect(find({ kind: 'package' })).rejects.toThrow(/No node_modules here has/);
    writeFileSync(join(folder, 'deps', 'lib', 'libtensorflow.so.2'), '');
    expect(await find({ kind: 'package' })).toMatchObject([{ kind: 'package', folder, cuda: true }]);
  });

  it('say what is missing when there is none', async () => {
    await expect(find()).rejects.toThrow(/No Python 3 was found on PATH.*apt install python3-pip/);
    await expect(find({ python: join(place, 'nowhere') })).rejects.toThrow(/nowhere is no Python 3 that runs/);
    await expect(find({ python: python('env', null, false) })).rejects.toThrow(/has no pip.*apt install python3-pip/);
    const old = python('old', { version: '2.9.1', cuda: false });
    rmSync(join(old, 'tensorflow', 'libtensorflow_cc.so.2'));
    await expect(find({ python: old, kind: 'python' })).rejects.toThrow(
      /TensorFlow 2\.9\.1 of .* has no libtensorflow_cc\.so\.2\. Update it/,
    );
  });
});
