// @ts-check
// Installs the test host into test/host/node_modules. Plain Node: it runs before anything else is installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { codeServerDir, hostDir, nodePath } from './paths.mjs';

/** Raise it when the steps below change, so that hosts installed by the older steps are redone. */
const RECIPE = 1;

export const DISK_MB = 840;
export const DOWNLOAD_MB = 290;

const stampPath = join(hostDir, 'node_modules', '.sat-host-stamp');
const lockPath = join(hostDir, '.cache', 'install.lock');
const buildTools = [
  { command: 'python3', pkg: 'python3' },
  { command: 'make', pkg: 'make' },
  { command: 'g++', pkg: 'g++' },
];
const chromiumNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * @typedef {object} InstallOptions
 * @property {boolean} systemPackages whether apt-get may install Chromium and the compiler
 * @property {(line: string) => void} log
 * @property {boolean} [browser] false where no browser will be driven (npm run demo -- --open); default true
 */

/** @typedef {{ ok: true, chromium: string | undefined } | { ok: false, problem: string }} InstallResult */

/**
 * Makes the host ready; does nothing when it already is. What the caller can do about a failure is in `problem`,
 * one line.
 * @param {InstallOptions} options
 * @returns {Promise<InstallResult>}
 */
export async function installHost({ systemPackages, log, browser = true }) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return {
      ok: false,
      problem: `The VS Code test host runs on Linux x64 only, this is ${process.platform} ${process.arch}.`,
    };
  }
  try {
    const installed = (await readStamp()) === (await wantedStamp());
    const missing = installed ? [] : buildTools.filter((tool) => !findCommand(tool.command)).map((tool) => tool.pkg);
    if (browser && !findChromium()) missing.push('chromium');
    if (missing.length > 0) {
      const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
      if (!systemPackages) {
        return { ok: false, problem: `The VS Code test host needs ${missing.join(', ')}: run "${command}" as root.` };
      }
      log(
        `Installing system packages: ${missing.join(', ')}${missing.includes('chromium') ? ' (124 MB for Chromium)' : ''}.`,
      );
      await aptInstall(missing);
    }
    if (!installed) await withLock(log, () => installPackages(log));
    return { ok: true, chromium: findChromium() };
  } catch (error) {
    return { ok: false, problem: `The VS Code test host could not be installed: ${messageOf(error)}` };
  }
}

/**
 * The Chromium to drive: the CHROMIUM variable, else the first known one on PATH.
 * @returns {string | undefined}
 */
export function findChromium() {
  const named = process.env['CHROMIUM'];
  if (named) {
    if (!existsSync(named)) throw new Error(`CHROMIUM names ${named}, which does not exist.`);
    return named;
  }
  for (const name of chromiumNames) {
    const path = findCommand(name);
    if (path) return path;
  }
  return undefined;
}

/** @param {string} name */
function findCommand(name) {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/bin'].filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

async function wantedStamp() {
  const lock = await readFile(join(hostDir, 'package-lock.json'));
  return createHash('sha256').update(lock).update(String(RECIPE)).digest('hex');
}

async function readStamp() {
  return readFile(stampPath, 'utf8').catch(() => undefined);
}

/** @param {(line: string) => void} log */
async function installPackages(log) {
  const stamp = await wantedStamp();
  if ((await readStamp()) === stamp) return;
  log(`Installing VS Code for the browser (code-server): about ${DOWNLOAD_MB} MB to download, ${DISK_MB} MB on disk.`);
  const started = Date.now();
  // The stamp goes with the rest: an install that is cut short is redone from the start. The retries outlast an npm
  // that is still ending.
  const modules = join(hostDir, 'node_modules');
  await rm(modules, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
  await step(log, 'packages', () => npm(['ci'], hostDir));
  const vscode = join(codeServerDir, 'lib', 'vscode');
  const install = ['install', '--omit=dev', '--ignore-scripts', '--no-save', '--no-package-lock'];
  await step(log, "VS Code's own packages", async () => {
    await npm(install, vscode);
    await npm(install, join(vscode, 'extensions'));
  });
  // The server logs through the first and watches its parent through the second; both are compiled here.
  await step(log, 'native parts', () =>
    npm(['rebuild', '--ignore-scripts=false', '@vscode/spdlog', '@vscode/native-watchdog'], vscode),
  );
  await step(log, 'check', () => run(nodePath, [join(codeServerDir, 'out', 'node', 'entry.js'), '--version'], hostDir));
  await writeFile(`${stampPath}.new`, stamp);
  await rename(`${stampPath}.new`, stampPath);
  log(`VS Code test host installed in ${seconds(started)}.`);
}

/**
 * @param {(line: string) => void} log
 * @param {string} what
 * @param {() => Promise<unknown>} work
 */
async function step(log, what, work) {
  const started = Date.now();
  await work();
  log(`  ${what}: ${seconds(started)}`);
}

/** @param {number} started */
function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(0)} s`;
}

/** @param {string[]} packages */
async function aptInstall(packages) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const root = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
    const [command = 'apt-get', ...rest] = [...root, 'apt-get', ...args];
    await run(command, rest, hostDir, env);
  }
}

/**
 * @param {string[]} args
 * @param {string} cwd
 */
async function npm(args, cwd) {
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  /** @type {NodeJS.ProcessEnv} */
  const env = {};
  // Node's own headers, where the machine has them, spare node-gyp a download.
  const prefix = dirname(dirname(process.execPath));
  if (!process.env['npm_config_nodedir'] && existsSync(join(prefix, 'include', 'node', 'node_api.h'))) {
    env['npm_config_nodedir'] = prefix;
  }
  const script = process.env['npm_execpath'];
  if (script?.endsWith('npm-cli.js')) await run(process.execPath, [script, ...args, ...quiet], cwd, env);
  else await run('npm', [...args, ...quiet], cwd, env);
}

/**
 * Runs a command; its output is shown only when it fails.
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @param {NodeJS.ProcessEnv} [extra]
 * @returns {Promise<void>}
 */
function run(command, args, cwd, extra = {}) {
  return new Promise((resolve, reject) => {
    // Under the guard, as an npm that outlives a killed install would disturb the next one.
    const child = spawn(process.execPath, [join(hostDir, 'guard.mjs'), command, ...args], {
      cwd,
      env: { ...cleanEnv(), ...extra },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (/** @type {Buffer} */ chunk) => (output = (output + chunk.toString()).slice(-4000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`"${[command, ...args].join(' ')}" ended with ${String(code)}\n${output.trim()}`));
    });
  });
}

/** The environment without what an outer `npm run` adds about its own package, nor what would leave out devDependencies. */
function cleanEnv() {
  const drop =
    /^(npm_package_|npm_lifecycle_|npm_config_(local_prefix|omit|production|include|workspaces?)$|NODE_ENV$|INIT_CWD$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !drop.test(name)));
}

/**
 * Lets one process at a time install; a lock whose holder is gone is taken over.
 * @param {(line: string) => void} log
 * @param {() => Promise<void>} work
 */
async function withLock(log, work) {
  await mkdir(dirname(lockPath), { recursive: true });
  let told = false;
  for (;;) {
    try {
      await writeFile(lockPath, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const holder = Number(await readFile(lockPath, 'utf8').catch(() => ''));
    if (holder > 0 && !isAlive(holder)) await rm(lockPath, { force: true });
    else {
      if (!told) log('Another process is installing the test host; waiting for it.');
      told = true;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
  try {
    await work();
  } finally {
    await rm(lockPath, { force: true });
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const systemPackages = process.env['CI'] === 'true' || process.argv.includes('--install-system');
  const result = await installHost({ systemPackages, log: (line) => console.log(line) });
  if (!result.ok) {
    console.error(result.problem);
    process.exitCode = 1;
  }
}
