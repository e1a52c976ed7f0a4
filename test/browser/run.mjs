// @ts-check
// Runs the tests in a browser, one after the other: node test/browser/run.mjs [part of a name]
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { installHost } from '../host/install.mjs';
import { screenshot } from '../host/browser.mjs';
import { failuresFolder, startLab } from './harness.mjs';

/**
 * @typedef {object} Test
 * @property {string} name
 * @property {(lab: import('./harness.mjs').Lab, log: (line: string) => void) => Promise<void>} run fails by throwing
 */

const TEST_TIMEOUT_MS = 150_000;
const scenarios = [
  'mainPath.mjs',
  'places.mjs',
  'manyRuns.mjs',
  'configFile.mjs',
  'failedRun.mjs',
  'rerun.mjs',
  'evaluation.mjs',
];

/**
 * @param {{ log: (line: string) => void, filter?: string | undefined }} options
 * @returns {Promise<{ passed: number, failed: number, skipped: number }>}
 */
export async function runBrowserTests({ log, filter = '' }) {
  const result = { passed: 0, failed: 0, skipped: 0 };
  await rm(failuresFolder, { recursive: true, force: true });
  /** @type {Test[]} */
  const tests = [];
  for (const file of scenarios) tests.push(.../** @type {{ tests: Test[] }} */ (await import(`./${file}`)).tests);
  const lab = await startLab();
  try {
    for (const test of tests) {
      if (!test.name.includes(filter)) {
        result.skipped += 1;
        continue;
      }
      const started = Date.now();
      try {
        await withTimeout(test.run(lab, (line) => log(`       ${line}`)));
        result.passed += 1;
        log(`  ok   ${test.name} (${seconds(started)})`);
      } catch (error) {
        result.failed += 1;
        const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
        log(`  FAIL ${test.name} (${seconds(started)})\n${message}`);
        await keepEvidence(lab, test.name, message).catch(() => {});
      } finally {
        await lab.closePages();
      }
    }
  } finally {
    await lab.close();
  }
  return result;
}

/**
 * @template T
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
async function withTimeout(work) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${TEST_TIMEOUT_MS / 1000} s`)), TEST_TIMEOUT_MS);
  });
  try {
    return /** @type {T} */ (await Promise.race([work, late]));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {import('./harness.mjs').Lab} lab
 * @param {string} name
 * @param {string} message
 */
async function keepEvidence(lab, name, message) {
  const base = join(failuresFolder, name.replace(/[^a-z0-9]+/gi, '-'));
  await mkdir(failuresFolder, { recursive: true });
  await writeFile(`${base}.txt`, message + '\n');
  const pages = lab.browser.context.pages().filter((page) => page.url() !== 'about:blank');
  for (const [i, page] of pages.entries()) {
    await screenshot(page, `${base}${i === 0 ? '' : `-${i + 1}`}.png`);
    const errors = lab.consoleErrors(page);
    await writeFile(`${base}.txt`, `${message}\n\nConsole errors:\n${errors.join('\n')}\n`);
  }
}

/** @param {number} started */
function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const log = (/** @type {string} */ line) => console.log(line);
  const installed = await installHost({ systemPackages: process.env['CI'] === 'true', log });
  if (!installed.ok) {
    console.error(installed.problem);
    process.exit(1);
  }
  const { passed, failed, skipped } = await runBrowserTests({ log, filter: process.argv[2] });
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed > 0 ? 1 : 0;
}
