// @ts-check
// Starts VS Code (code-server) on loopback and ends it with the process that started it.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeServerDir, hostDir, nodePath } from './paths.mjs';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 8_000;

/** What keeps a fresh VS Code quiet: no welcome page, no chat, nothing that calls out. */
const baseSettings = {
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.tips.enabled': false,
  'chat.disableAIFeatures': true,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
};

/**
 * @typedef {object} ServerOptions
 * @property {string} userDir VS Code's user data; the server's log is written there too
 * @property {string} extensionsDir
 * @property {number} [port] default: a free one
 * @property {'none' | { password: string }} auth
 * @property {boolean} trust true: every workspace is trusted; false: Workspace Trust works as for a user
 * @property {boolean} smokeDriver needed for extensionPath and extensionTestsPath in openWorkbench; toasts do not show with it
 * @property {Record<string, unknown>} [settings] user settings, over the quiet defaults
 * @property {NodeJS.ProcessEnv} [env] added to the environment of the server and the extension host
 */

/**
 * @typedef {object} Server
 * @property {string} url without a final slash
 * @property {string} authority host and port
 * @property {number} pid the leader of the server's process group
 * @property {string | undefined} password
 * @property {boolean} smokeDriver
 * @property {string} userDir
 * @property {string} logFile
 * @property {(vsix: string) => Promise<void>} installExtension seen by the next page that is opened
 * @property {() => Promise<void>} stop
 */

/**
 * Starts a server and waits until it answers. It ends by `stop()`, or when this process ends in any way.
 * @param {ServerOptions} options
 * @returns {Promise<Server>}
 */
export async function startServer(options) {
  const { userDir, extensionsDir, auth, trust, smokeDriver } = options;
  // Asked for a port that is taken, this fails at once; otherwise what answers there would pass for the new server.
  const port = await freePort(options.port ?? 0);
  const password = auth === 'none' ? undefined : auth.password;
  const logFile = join(userDir, 'server.log');
  await mkdir(join(userDir, 'User'), { recursive: true });
  await mkdir(extensionsDir, { recursive: true });
  const settings = { ...baseSettings, ...options.settings };
  await writeFile(join(userDir, 'User', 'settings.json'), JSON.stringify(settings, null, 2) + '\n');
  const args = [
    ...(await commonArgs(options)),
    ...['--bind-addr', `127.0.0.1:${port}`, '--auth', password === undefined ? 'none' : 'password'],
    ...['--disable-telemetry', '--disable-update-check', '--disable-getting-started-override', '--ignore-last-opened'],
    ...(trust ? ['--disable-workspace-trust'] : []),
    ...(smokeDriver ? ['--vscode-option', 'enable-smoke-test-driver'] : []),
  ];
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [join(hostDir, 'guard.mjs'), nodePath, ...args], {
    detached: true,
    stdio: ['pipe', log, log],
    env: { ...serverEnv(), ...options.env, ...(password === undefined ? {} : { PASSWORD: password }) },
  });
  closeSync(log);
  let ended = false;
  let stopped = false;
  child.on('exit', () => (ended = true));
  child.on('error', () => (ended = true));
  // This process may end without stop(): neither the child nor the pipe keeps it, and the guard sees the pipe close.
  const lifeline = /** @type {import('node:net').Socket} */ (child.stdin);
  lifeline.on('error', () => {});
  lifeline.unref();
  child.unref();
  const pid = child.pid ?? 0;

  const stop = async () => {
    if (stopped) return;
    stopped = true;
    lifeline.end();
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (groupExists(pid) && Date.now() < deadline) await sleep(50);
    if (groupExists(pid)) process.kill(-pid, 'SIGKILL');
  };

  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(`${url}/healthz`))) {
    if (!ended && Date.now() < deadline) {
      await sleep(100);
      continue;
    }
    await stop();
    const tail = (await readFile(logFile, 'utf8')).slice(-2000).trim();
    throw new Error(`VS Code did not start on ${url} (${ended ? 'it ended' : 'no answer'}); ${logFile} says:\n${tail}`);
  }
  return {
    url,
    authority: `127.0.0.1:${port}`,
    pid,
    password,
    smokeDriver,
    userDir,
    logFile,
    installExtension: (vsix) => installExtension(vsix, options),
    stop,
  };
}

/**
 * Installs a VSIX, as a user would, with or without a running server.
 * @param {string} vsix
 * @param {{ userDir: string, extensionsDir: string }} dirs
 * @returns {Promise<void>}
 */
export async function installExtension(vsix, dirs) {
  await mkdir(dirs.userDir, { recursive: true });
  await mkdir(dirs.extensionsDir, { recursive: true });
  const args = [...(await commonArgs(dirs)), '--install-extension', vsix, '--force'];
  const child = spawn(nodePath, args, { env: serverEnv(), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (/** @type {Buffer} */ chunk) => (output += chunk.toString());
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`${vsix} could not be installed:\n${output.trim()}`);
}

/** @param {{ userDir: string, extensionsDir: string }} dirs */
async function commonArgs({ userDir, extensionsDir }) {
  // Without a config file of its own code-server writes one into the home folder.
  const config = join(userDir, 'code-server.yaml');
  await writeFile(config, '{}\n');
  const entry = join(codeServerDir, 'out', 'node', 'entry.js');
  return [entry, '--config', config, '--user-data-dir', userDir, '--extensions-dir', extensionsDir];
}

/** This process's environment without what an enclosing VS Code or Electron left, and with no extension gallery. */
function serverEnv() {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(VSCODE_|ELECTRON_|PASSWORD$|HASHED_PASSWORD$)/.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    EXTENSIONS_GALLERY: JSON.stringify({ serviceUrl: '', itemUrl: '', resourceUrlTemplate: '' }),
  };
}

/**
 * @param {number} wanted 0: any
 * @returns {Promise<number>}
 */
function freePort(wanted) {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', () => reject(new Error(`Port ${wanted} on 127.0.0.1 cannot be used; is it taken?`)));
    probe.listen(wanted, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** @param {string} url */
async function answers(url) {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

/** @param {number} leader */
function groupExists(leader) {
  try {
    process.kill(-leader, 0);
    return true;
  } catch {
    return false;
  }
}
