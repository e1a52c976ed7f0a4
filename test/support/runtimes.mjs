// @ts-check
// Where the tests keep a TensorFlow of their own, and how they keep clear of one that the machine may have.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** For tests of TensorFlow, as the value of SAT_RUNTIMES. */
export const testRuntimes = join(root, '.cache', 'runtimes');
/** For all others: they count on the embedded runtime’s pace. */
export const noRuntimes = join(root, '.cache', 'no-runtimes');

/**
 * Installs TensorFlow for the tests as a user would, unless it is there.
 * @returns {string | undefined} why there is none
 */
export function installTestRuntime() {
  if (existsSync(join(testRuntimes, 'tensorflow', 'current.json'))) return undefined;
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(root, 'dist', 'sat.js'), 'runtime', 'install', '--source', 'wheel'],
    { env: { ...process.env, SAT_RUNTIMES: testRuntimes }, encoding: 'utf8' },
  );
  return status === 0 ? undefined : (stderr.trim().split('\n').at(-1) ?? `it ended with ${status}`);
}
