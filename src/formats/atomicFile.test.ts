import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAtomic, writeAtomicSync } from './atomicFile';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'sat-atomic-'))));
afterEach(() => rmSync(folder, { recursive: true }));

describe('writing a file atomically', () => {
  it('replaces the old file and leaves nothing beside it', async () => {
    const file = join(folder, 'a.json');
    writeFileSync(file, 'old');
    await writeAtomic(file, 'new');
    expect(readFileSync(file, 'utf8')).toBe('new');
    writeAtomicSync(file, 'newer');
    expect(readFileSync(file, 'utf8')).toBe('newer');
    expect(readdirSync(folder)).toEqual(['a.json']);
  });

  it('keeps the old file when the new one cannot take its place', async () => {
    // A folder of that name cannot be replaced by a file.
    await expect(writeAtomic(folder, 'new')).rejects.toThrow();
    expect(() => writeAtomicSync(folder, 'new')).toThrow();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('keeps one whole file of two that are written at once', async () => {
    const file = join(folder, 'a.bin');
    const [a, b] = [new Uint8Array(1 << 20).fill(1), new Uint8Array(1 << 19).fill(2)];
    await Promise.all([writeAtomic(file, a), writeAtomic(file, b)]);
    const found = readFileSync(file);
    expect(found.equals(a) || found.equals(b)).toBe(true);
    expect(readdirSync(folder)).toEqual(['a.bin']);
  });
});
