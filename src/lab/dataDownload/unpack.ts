import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { messageOf } from '../../protocol/errors';
import { readTar } from '../../formats/tar';

/**
 * Unpacks the plain files of a .tar.gz into a folder: aside first, so that a folder in it is whole or not there.
 * @throws Error that names the archive when it is damaged or leads out of the folder; the file system's error
 */
export async function unpack(archive: string, folder: string): Promise<void> {
  const aside = `${archive}.unpacked`;
  await rm(aside, { recursive: true, force: true });
  try {
    await pipeline(createReadStream(archive), createGunzip(), async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const { path, content } of readTar(chunks)) await write(placeOf(path, aside), content);
      // The archive may be padded further: all of it is to be read.
      for await (const _ of chunks);
    });
    for (const name of await readdir(aside)) {
      await rm(join(folder, name), { recursive: true, force: true });
      await rename(join(aside, name), join(folder, name));
    }
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw error;
    const reason = messageOf(error);
    throw new Error(`${archive} could not be unpacked: ${reason}. Delete it and try again.`);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

function placeOf(path: string, folder: string): string {
  const place = normalize(path);
  if (place.startsWith('..') || /^([\\/]|[A-Za-z]:)/.test(place)) throw new Error(`${path} leads out of it`);
  return join(folder, place);
}

async function write(file: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, 'w');
  try {
    for await (const chunk of content) await handle.writeFile(chunk);
  } finally {
    await handle.close();
  }
}
