export interface InstallProgress {
  phase: 'download' | 'unpack' | 'compile' | 'check';
  /** In bytes, as is `total`; left out where nothing is counted. */
  done?: number;
  total?: number;
  secondsLeft?: number;
}

/** What is being done, for people. */
export const phaseTitles: Record<InstallProgress['phase'], string> = {
  download: 'Downloading',
  unpack: 'Unpacking',
  compile: 'Compiling the binding',
  check: 'Computing something with it',
};

/**
 * Tells of progress at most four times a second, with the time that is left at the speed so far.
 * @param total in bytes
 * @returns what takes the bytes done so far
 */
export function progressOf(
  phase: InstallProgress['phase'],
  total: number,
  tell: ((progress: InstallProgress) => void) | undefined,
): (bytes: number) => void {
  const start = Date.now();
  let told = 0;
  return (bytes) => {
    const now = Date.now();
    if (now - told < 250) return;
    told = now;
    const done = Math.min(bytes, total);
    const seconds = (now - start) / 1000;
    const known = done > 0 && seconds > 1;
    tell?.({ phase, done, total, ...(known ? { secondsLeft: ((total - done) / done) * seconds } : {}) });
  };
}
