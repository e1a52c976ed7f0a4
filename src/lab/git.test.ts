import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gitPatch, gitState } from './git';

let place: string;

function git(...args: string[]): string {
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org'];
  return execFileSync('git', [...identity, ...args], { cwd: place, encoding: 'utf8' });
}

const write = (name: string, content: string | Uint8Array) => writeFileSync(join(place, name), content);
const read = (name: string) => readFileSync(join(place, name));

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'sat-git-'));
  git('init', '-q');
  mkdirSync(join(place, 'code'));
  write('code/latin.py', Buffer.from('# Übung\nlr = 0.1\n', 'latin1'));
  write('picture.bin', Uint8Array.from([0, 1, 2, 0]));
  write('a.txt', 'a\n');
  git('add', '.');
  git('commit', '-q', '-m', 'Begin');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

describe('the state of a repository', () => {
  it('is the commit, and whether anything differs from it', async () => {
    const commit = git('rev-parse', 'HEAD').trim();
    expect(await gitState(join(place, 'code'))).toEqual({ commit, dirty: false });
    write('new.txt', 'new');
    expect(await gitState(join(place, 'code'))).toEqual({ commit, dirty: true });
  });

  it('is null outside of one', async () => {
    rmSync(join(place, '.git'), { recursive: true });
    expect(await gitState(place)).toBeNull();
    expect(await gitPatch(place)).toBeUndefined();
  });
});

describe('the patch of a dirty state', () => {
  it('brings the text files back, byte for byte, from any folder of the repository', async () => {
    const changed = Buffer.from('# Übung, geändert\nlr = 0.2\n', 'latin1');
    write('code/latin.py', changed);
    write('a.txt', 'b\n');
    git('add', 'a.txt');
    git('config', 'diff.noprefix', 'true');
    git('config', 'color.ui', 'always');
    write('kept.patch', (await gitPatch(join(place, 'code')))!);
    git('reset', '-q', '--hard');
    git('config', '--unset', 'diff.noprefix');
    git('apply', 'kept.patch');
    expect(read('code/latin.py').equals(changed)).toBe(true);
    expect(read('a.txt').toString()).toBe('b\n');
  });

  it('only names what is binary, and applies nevertheless', async () => {
    write('picture.bin', Uint8Array.from([0, 9, 9, 0]));
    write('a.txt', 'b\n');
    write('data.npy', Uint8Array.from([1, 0, 2]));
    const patch = (await gitPatch(place))!;
    expect(patch.toString()).toMatch(/^# Not in this patch: binary: picture\.bin\n/);
    expect(patch.toString()).toContain('# Not in this patch: untracked: data.npy\n');
    git('reset', '-q', '--hard');
    write('kept.patch', patch);
    git('apply', 'kept.patch');
    expect(read('a.txt').toString()).toBe('b\n');
  });

  it.each([
    ['diff.relative', 'true'],
    ['diff.context', '0'],
    ['diff.mnemonicPrefix', 'true'],
    ['diff.external', 'false'],
    ['status.showUntrackedFiles', 'no'],
  ])('is the same from a folder of the repository, whatever %s is', async (key, value) => {
    write('a.txt', 'b\n');
    write('new.py', 'x = 1\n');
    const expected = await gitPatch(place);
    git('config', key, value);
    expect((await gitPatch(join(place, 'code')))?.toString()).toBe(expected?.toString());
    expect(await gitState(join(place, 'code'))).toMatchObject({ dirty: true });
    expect(expected?.toString()).toContain('+x = 1');
  });

  it('adds the untracked text files of the whole repository, byte for byte, and leaves the index alone', async () => {
    const untracked: Record<string, string | Buffer> = {
      'code/new.py': Buffer.from('# Größe\nx = 1\n', 'latin1'),
      'other/deep/notes.txt': 'no line break at the end',
      'empty.txt': '',
      '*.py': 'a name like a pattern\n',
      'Übung 1.txt': 'a name with more than letters\n',
    };
    mkdirSync(join(place, 'other/deep'), { recursive: true });
    for (const [name, content] of Object.entries(untracked)) write(name, content);
    write('.gitignore', 'ignored.txt\n');
    write('ignored.txt', 'not to be kept\n');
    write('a.txt', 'b\n');
    git('add', 'a.txt');
    const index = read('.git/index');
    const patch = (await gitPatch(join(place, 'code')))!;
    expect(read('.git/index').equals(index)).toBe(true);
    expect(git('status', '--porcelain', '--', 'code')).toBe('?? code/new.py\n');
    expect(patch.toString()).not.toContain('not to be kept');
    expect(patch.toString()).not.toContain('# Not in this patch');
    git('reset', '-q', '--hard');
    git('clean', '-q', '-f', '-d');
    const kept = join(tmpdir(), `kept-${process.pid}.patch`);
    writeFileSync(kept, patch);
    git('apply', kept);
    rmSync(kept);
    for (const [name, content] of Object.entries(untracked)) {
      expect(read(name).equals(Buffer.from(content)), name).toBe(true);
    }
    expect(read('a.txt').toString()).toBe('b\n');
  });

  it('only names untracked files that do not fit, a folder of them by its own name', async () => {
    mkdirSync(join(place, 'data'));
    mkdirSync(join(place, 'mixed'));
    for (const name of ['data/one.csv', 'data/two.csv', 'mixed/large.csv']) write(name, '1,2\n'.repeat(500));
    write('mixed/small.py', 'x = 1\n');
    const patch = (await gitPatch(place, 1000))!.toString();
    expect(patch).toMatch(
      /^# Not in this patch: untracked: data\/\n# Not in this patch: untracked: mixed\/large\.csv\n/,
    );
    expect(patch).toContain('+x = 1');
    expect(patch).not.toContain('1,2');
  });

  it('is cut at the limit between two files, and says from where', async () => {
    write('a.txt', 'b\n');
    write('code/latin.py', 'x = 1\n'.repeat(500));
    const patch = (await gitPatch(place, 1000))!.toString();
    expect(patch).toMatch(/^# Not in this patch: more than 1000 bytes, from this file on: code\/latin\.py\n/);
    expect(patch).toContain('+b\n');
    expect(patch).not.toContain('x = 1');
  });
});
