// @ts-check
// Runs mocha tests inside the extension host of a real VS Code.
import { build } from 'esbuild';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { format } from 'node:util';
import { openWorkbench } from './browser.mjs';
import { hostDir } from './paths.mjs';

const TIMEOUT_MS = 180_000;
/** What the console says before and after these lines is the workbench starting and ending. */
const BEGIN = 'sat-lab: tests in the extension host begin';
const END = 'sat-lab: tests in the extension host end';

/**
 * @typedef {object} HostTestResult
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {{ title: string, message: string }[]} failures
 */

/**
 * Bundles test files into one file that the extension host can run. Tests import describe and it from './mocha.mjs'.
 * @param {{ entries: string[], outfile: string, timeoutMs?: number }} options absolute paths
 * @returns {Promise<void>}
 */
export async function bundleHostTests({ entries, outfile, timeoutMs = 30_000 }) {
  await build({
    stdin: { contents: runner(entries, timeoutMs), resolveDir: hostDir, sourcefile: 'run.js', loader: 'js' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    mainFields: ['module', 'main'],
    sourcemap: 'inline',
    logLevel: 'warning',
    external: ['vscode'],
    plugins: [
      {
        // Mocha loads parts of itself by name, so it stays in its folder.
        name: 'mocha-stays-outside',
        setup(b) {
          b.onResolve({ filter: /^mocha$/ }, () => ({ path: join(hostDir, 'node_modules', 'mocha'), external: true }));
        },
      },
    ],
  });
}

/**
 * The entry: what VS Code calls is run(). The result goes into a file beside the bundle, as the console may be cut.
 * @param {string[]} entries
 * @param {number} timeoutMs
 */
function runner(entries, timeoutMs) {
  return `
const Mocha = require('mocha');
const { writeFileSync } = require('node:fs');
exports.run = () => new Promise((resolve, reject) => {
  const result = { passed: 0, failed: 0, skipped: 0, failures: [] };
  function Report(runner) {
    runner.on('pass', (test) => { result.passed++; console.log('  ok   ' + test.fullTitle() + ' (' + test.duration + ' ms)'); });
    runner.on('pending', (test) => { result.skipped++; console.log('  skip ' + test.fullTitle()); });
    runner.on('fail', (test, error) => {
      const message = String((error && (error.stack || error.message)) || error);
      result.failed++;
      result.failures.push({ title: test.fullTitle(), message });
      console.log('  FAIL ' + test.fullTitle() + '\\n' + message);
    });
  }
  const mocha = new Mocha({ ui: 'bdd', timeout: ${timeoutMs}, reporter: Report });
  const finish = (error) => {
    if (error) {
      const message = String(error.stack || error);
      result.failed++;
      result.failures.push({ title: 'loading the tests', message });
      console.log('  FAIL loading the tests\\n' + message);
    }
    writeFileSync(__filename + '.result.json', JSON.stringify(result));
    console.log(${JSON.stringify(END)});
    if (result.failed > 0) reject(new Error(result.failed + ' of ' + (result.failed + result.passed) + ' failed')); else resolve();
  };
  console.log(${JSON.stringify(BEGIN)});
  try {
    mocha.suite.emit('pre-require', globalThis, __filename, mocha);
    ${entries.map((entry) => `require(${JSON.stringify(entry)});`).join('\n    ')}
    mocha.suite.emit('post-require', globalThis, __filename, mocha);
    mocha.run(() => finish());
  } catch (error) { finish(error); }
});
`;
}

/**
 * Runs a bundle of bundleHostTests in a new page, which is closed again. A host that gives no result counts as one
 * failure.
 * @param {{
 *   browser: import('./browser.mjs').Browser,
 *   server: import('./server.mjs').Server,
 *   folder?: string,
 *   extensionPath: string,
 *   bundle: string,
 *   log: (line: string) => void,
 *   timeoutMs?: number,
 * }} options
 * @returns {Promise<HostTestResult>}
 */
export async function runInHost({ browser, server, folder, extensionPath, bundle, log, timeoutMs = TIMEOUT_MS }) {
  const resultPath = `${bundle}.result.json`;
  await rm(resultPath, { force: true });
  const page = await browser.newPage();
  try {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const exit = new Promise((resolve) => {
      timer = setTimeout(() => resolve('no end'), timeoutMs);
      page.exposeFunction('codeAutomationExit', (/** @type {number} */ code) => resolve(code)).catch(resolve);
    });
    let testing = false;
    await page.exposeFunction('codeAutomationLog', (/** @type {string} */ _type, /** @type {unknown[]} */ args) => {
      const line = format(...args);
      if (line === BEGIN || line === END) testing = line === BEGIN;
      else if (testing) log(line);
    });
    await openWorkbench(page, { server, folder, extensionPath, extensionTestsPath: bundle });
    const code = await exit;
    clearTimeout(timer);
    const text = await readFile(resultPath, 'utf8').catch(() => undefined);
    if (text !== undefined) return /** @type {HostTestResult} */ (JSON.parse(text));
    const message = code === 'no end' ? `no result after ${timeoutMs / 1000} s` : `the host ended with ${String(code)}`;
    log(`  FAIL tests in the extension host: ${message}`);
    return { passed: 0, failed: 1, skipped: 0, failures: [{ title: 'tests in the extension host', message }] };
  } finally {
    await page.close();
  }
}
