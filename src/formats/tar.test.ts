import { describe, expect, it } from 'vitest';
import { readTar } from './tar';
import { tarEntry } from './tar.testing';

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function read(bytes: Uint8Array, size = 100): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { path, content } of readTar(inPieces(bytes, size))) {
    let text = '';
    for await (const chunk of content) text += Buffer.from(chunk).toString();
    found[path] = text;
  }
  return found;
}

const end = Buffer.alloc(1024);
const long = 'x'.repeat(120);

describe('readTar', () => {
  it.each([1, 100, 512, 100_000])('reads plain files that come in pieces of %i bytes', async (size) => {
    const archive = Buffer.concat([
      tarEntry('a/', '', '5'),
      tarEntry('a/empty', ''),
      tarEntry('a/one', 'y'.repeat(700)),
      tarEntry('link', '', '2'),
      tarEntry('././@LongLink', `${long}\0`, 'L'),
      tarEntry(long.slice(0, 99), 'long'),
      tarEntry('two', '2', '\0'),
      end,
    ]);
    expect(await read(archive, size)).toEqual({ 'a/empty': '', 'a/one': 'y'.repeat(700), [long]: 'long', two: '2' });
  });

  it('passes over what is not read', async () => {
    const paths = [];
    const archive = Buffer.concat([tarEntry('one', 'z'.repeat(1000)), tarEntry('two', ''), end]);
    for await (const { path } of readTar(inPieces(archive, 300))) paths.push(path);
    expect(paths).toEqual(['one', 'two']);
  });

  it('refuses what is cut short or no archive', async () => {
    await expect(read(Buffer.concat([tarEntry('one', 'z'.repeat(1000))]).subarray(0, 900))).rejects.toThrow(
      'cut short',
    );
    await expect(read(tarEntry('one', 'z'))).rejects.toThrow('cut short');
    await expect(read(Buffer.alloc(2000, 'x'))).rejects.toThrow('no tar archive');
  });
});
