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

  it('only names what is binary or untracked, and applies nevertheless', async () => {
    write('picture.bin', Uint8Array.from([0, 9, 9, 0]));
    write('a.txt', 'b\n');
    write('data.csv', '1,2\n');
    const patch = (await gitPatch(place))!;
    expect(patch.toString()).toMatch(/^# Not in this patch: binary: picture\.bin\n/);
    expect(patch.toString()).toContain('# Not in this patch: untracked: data.csv\n');
    git('reset', '-q', '--hard');
    write('kept.patch', patch);
    git('apply', 'kept.patch');
    expect(read('a.txt').toString()).toBe('b\n');
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
