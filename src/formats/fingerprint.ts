import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** SHA-256 of some content, in hexadecimal digits. */
export function fingerprint(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** The same of a file, read piece by piece: about a second for the largest checkpoints. @throws the file system's error */
export async function fileFingerprint(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer);
  return hash.digest('hex');
}
