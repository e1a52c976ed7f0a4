// @ts-check
// Runs the tests inside the extension host: node test/extension/run.mjs
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { startLab } from '../browser/harness.mjs';
import { makeRuns } from '../fixtures/makeRuns.mjs';
import { bundleHostTests, runInHost } from '../host/inHost.mjs';
import { installHost } from '../host/install.mjs';

const here = dirname(fileURLToPath(import.meta.url));
/** The tests of activation expect so many. */
const MADE_RUNS = 100;

/**
 * @param {{ log: (line: string) => void }} options
 * @returns {Promise<{ passed: number, failed: number, skipped: number }>}
 */
export async function runHostTests({ log }) {
  const lab = await startLab();
  try {
    const folder = await lab.workspace();
    await makeRuns(join(folder, 'sat-runs'), { count: MADE_RUNS });
    const bundle = join(lab.temp, 'host-tests.cjs');
    const files = readdirSync(here).filter((name) => name.endsWith('.test.ts'));
    await bundleHostTests({ entries: files.map((name) => join(here, name)), outfile: bundle });
    const { browser, server, extensionPath } = lab;
    const { passed, failed, skipped } = await runInHost({ browser, server, folder, extensionPath, bundle, log });
    return { passed, failed, skipped };
  } finally {
    await lab.close();
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const log = (/** @type {string} */ line) => console.log(line);
  const installed = await installHost({ systemPackages: process.env['CI'] === 'true', log });
  if (!installed.ok) {
    console.error(installed.problem);
    process.exit(1);
  }
  const { passed, failed, skipped } = await runHostTests({ log });
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed > 0 ? 1 : 0;
}
