// `npm test`: sets up, then runs every check there is, and closes with one line that counts all of them.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { installTestRuntime } from '../test/support/runtimes.mjs';
import { root, setUp } from './setup.mjs';

const systemPackages = process.env['CI'] === 'true' || process.argv.includes('--install-system');
const total = { passed: 0, failed: 0, skipped: 0 };
const log = (/** @type {string} */ line) => console.log(line);
const seconds = (/** @type {number} */ since) => `${((Date.now() - since) / 1000).toFixed(0)} s`;

/** Runs one part; a part that throws has failed. */
async function part(
  /** @type {string} */ name,
  /** @type {() => Promise<{ passed: number, failed: number, skipped?: number }>} */ run,
) {
  const start = Date.now();
  log(`\n── ${name}`);
  let result = { passed: 0, failed: 1, skipped: 0 };
  try {
    result = { skipped: 0, ...(await run()) };
  } catch (error) {
    log(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  total.passed += result.passed;
  total.failed += result.failed;
  total.skipped += result.skipped;
  log(`   ${name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped, ${seconds(start)}`);
}

/** One command that passes or fails. */
const command =
  (/** @type {string} */ script, /** @type {string[]} */ ...args) =>
  async () => {
    const { status } = spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], {
      cwd: root,
      stdio: 'inherit',
    });
    return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
  };

/** Packages that some tests look at the real thing with; without them these tests say that they were skipped. */
function installSystemPackages() {
  if (!systemPackages) {
    log('Without --install-system, tests that need Debian’s dataset-fashion-mnist or Python’s numpy are skipped.');
    return;
  }
  if (!existsSync('/usr/share/datasets/fashion-mnist')) {
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'dataset-fashion-mnist'], { stdio: 'ignore' });
  }
  const python = join(root, '.cache', 'python');
  if (!existsSync(join(python, 'bin', 'python3'))) {
    spawnSync('python3', ['-m', 'venv', python], { stdio: 'ignore' });
    const pip = spawnSync(join(python, 'bin', 'pip'), ['install', '--quiet', 'numpy', 'safetensors'], {
      stdio: 'inherit',
    });
    if (pip.status !== 0)
      log(`numpy could not be installed (${pip.error?.message ?? `pip ended with ${pip.status}`}).`);
  }
  process.env['PATH'] = `${join(python, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`;
}

async function unitTests() {
  const file = join(root, 'out', 'vitest.json');
  rmSync(file, { force: true });
  mkdirSync(join(root, 'out'), { recursive: true });
  spawnSync(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=dot', '--reporter=json', `--outputFile=${file}`],
    { cwd: root, stdio: 'inherit' },
  );
  const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites, success } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  // A file that does not load has no tests that could fail.
  const broken = success || numFailedTests > 0 ? 0 : Math.max(1, numFailedTestSuites);
  return { passed: numPassedTests, failed: numFailedTests + broken, skipped: numPendingTests };
}

const start = Date.now();
setUp();
if (systemPackages && existsSync('/usr/bin/apt-get')) execFileSync('apt-get', ['update'], { stdio: 'ignore' });
const { installHost } = await import('../test/host/install.mjs');
const host = await installHost({ systemPackages, log });
installSystemPackages();
const withoutTensorFlow = installTestRuntime();
if (withoutTensorFlow !== undefined) {
  log(`Tests that need TensorFlow are skipped: ${withoutTensorFlow}`);
  // Where everything may be installed, its absence is a mistake.
  if (systemPackages) total.failed += 1;
}

await part('types', command('typescript/bin/tsc', '-p', '.'));
await part('types of the webview', command('typescript/bin/tsc', '-p', 'webview'));
await part('lint', command('eslint/bin/eslint.js', '.', '--max-warnings', '0'));
await part('format', command('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'));
await part('unit tests', unitTests);
if (host.ok) {
  const { runHostTests } = await import('../test/extension/run.mjs');
  const { runBrowserTests } = await import('../test/browser/run.mjs');
  await part('tests inside VS Code', () => runHostTests({ log }));
  await part('browser tests', () => runBrowserTests({ log }));
} else {
  log(`\n── tests inside VS Code and browser tests: not run. ${host.problem}`);
  total.failed += 1;
}

log(`\nAll of it took ${seconds(start)}.`);
log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 ? 0 : 1);
