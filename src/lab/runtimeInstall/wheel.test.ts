import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeWheel } from '../../../test/support/wheel';
import { requirementsOf, unpackWheel } from './wheel';

let place: string;
let wheel: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'sat-wheel-'));
  wheel = join(place, 'a.whl');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

describe('a wheel', () => {
  it('gives the members that have a place, and says how many bytes', async () => {
    await writeWheel(wheel, { members: { 'a/one': Buffer.alloc(100_000, 7), 'a/two': Buffer.from('two') } });
    let bytes = 0;
    const target = join(place, 'deep', 'one');
    const count = await unpackWheel(wheel, (member) => (member === 'a/one' ? target : undefined), {
      onBytes: (more) => (bytes += more),
    });
    expect([count, bytes]).toEqual([1, 100_000]);
    expect(readFileSync(target).equals(Buffer.alloc(100_000, 7))).toBe(true);
    expect(statSync(target).mode & 0o777).toBe(0o644);
    expect(existsSync(join(place, 'deep', 'two'))).toBe(false);
  });

  it('stops when asked to', async () => {
    await writeWheel(wheel, { members: { one: Buffer.alloc(100_000, 7) } });
    const unpacking = unpackWheel(wheel, () => join(place, 'one'), { signal: AbortSignal.abort() });
    await expect(unpacking).rejects.toThrow(/aborted/);
  });

  it('that is none is damaged', async () => {
    await expect(unpackWheel(import.meta.filename, () => undefined)).rejects.toThrow(/wheel\.test\.ts is damaged/);
  });

  it('tells what an extra requires, and nothing of other extras', async () => {
    const metadata = [
      'Requires-Dist: numpy<3,>=1.26',
      'Requires-Dist: nvidia-nccl-cu12<3.0,>=2.27.7; extra == "and-cuda"',
      "Requires-Dist: nvidia-cudnn-cu12 <10.0,>=9.3.0.75 ; extra == 'and-cuda'",
      'Requires-Dist: tensorflow-io-gcs-filesystem==0.23.1; extra == "gcs-filesystem"',
    ];
    await writeWheel(wheel, { members: {}, metadata });
    expect(await requirementsOf(wheel, 'and-cuda')).toEqual([
      'nvidia-nccl-cu12<3.0,>=2.27.7',
      'nvidia-cudnn-cu12<10.0,>=9.3.0.75',
    ]);
  });
});
