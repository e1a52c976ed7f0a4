import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';

/**
 * Writes a file so that its name never stands for half of one: aside, flushed to the disk, then renamed.
 * Unlike the usual package for this, a write that a full disk cuts short is an error and not a short file.
 * @throws the file system's error; then the old file, if there was one, is untouched
 */
export async function writeAtomic(file: string, data: Uint8Array | string): Promise<void> {
  const temporary = aside(file);
  try {
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The same for a process that is about to end. */
export function writeAtomicSync(file: string, data: string): void {
  const temporary = aside(file);
  try {
    const descriptor = openSync(temporary, 'w');
    try {
      writeFileSync(descriptor, data);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

let count = 0;

/** A name in the same folder, hence on the same disk, that no other writer uses. */
function aside(file: string): string {
  count += 1;
  return `${file}.${process.pid}-${count}.tmp`;
}
