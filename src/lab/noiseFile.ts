import { fileFingerprint } from '../formats/fingerprint';
import type { RunConfig } from '../protocol/config';

/** The SHA-256 of the file that a noise is read from; null where noise is drawn, or where the file cannot be read. */
export async function noiseFileFingerprint({ data: { noise } }: Pick<RunConfig, 'data'>): Promise<string | null> {
  if (noise?.file === undefined) return null;
  try {
    return await fileFingerprint(noise.file);
  } catch {
    // The trainer says what is wrong with it.
    return null;
  }
}

/**
 * Whether a run's noise file holds something else than it did. Runs of earlier versions do not say what it held, and a
 * file that is gone says nothing.
 */
export function noiseFileChanged(then: string | null, now: string | null): boolean {
  return then !== null && now !== null && then !== now;
}
