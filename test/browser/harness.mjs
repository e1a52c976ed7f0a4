// @ts-check
// What the browser tests, the tests in the host, the pictures and the latency measurement share: one server, one
// browser, and a workspace folder for each test.
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { launchBrowser, openViewContainer, openWorkbench, runCommand, treeRows } from '../host/browser.mjs';
import { startServer } from '../host/server.mjs';
import { noRuntimes, testRuntimes } from '../support/runtimes.mjs';

/** @typedef {import('../host/browser.mjs').Page} Page */
/** @typedef {import('../host/browser.mjs').Frame} Frame */
/** @typedef {import('../host/browser.mjs').Locator} Locator */
/** @typedef {import('../host/server.mjs').Server} Server */

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const failuresFolder = join(root, 'out', 'test-failures');

const STOP_TIMEOUT_MS = 10_000;

/**
 * @typedef {object} Lab
 * @property {string} temp
 * @property {string} extensionPath
 * @property {Server} server every workspace is trusted
 * @property {import('../host/browser.mjs').Browser} browser
 * @property {(files?: Record<string, string>) => Promise<string>} workspace a new folder, with these files
 * @property {(folder: string | undefined, options?: { server?: Server }) => Promise<Page>} open
 * @property {(page: Page) => string[]} consoleErrors what the page and its webviews have complained of
 * @property {() => Promise<Server>} restrictedServer workspaces are not trusted and nobody is asked
 * @property {() => Promise<void>} closePages
 * @property {() => Promise<void>} close
 */

/** @returns {Promise<Lab>} */
export async function startLab() {
  const temp = await mkdtemp(join(tmpdir(), 'sat-ui-'));
  const extensionPath = stageExtension(join(temp, 'extension'));
  const [server, browser] = await Promise.all([
    startServer({
      userDir: join(temp, 'user'),
      extensionsDir: join(temp, 'extensions'),
      auth: 'none',
      trust: true,
      smokeDriver: true,
      env: { SAT_RUNTIMES: noRuntimes, SAT_TEST_RUNTIMES: testRuntimes },
    }),
    launchBrowser(),
  ]);
  /** @type {Map<Page, string[]>} */
  const errors = new Map();
  /** @type {string[]} */
  const workspaces = [];
  /** @type {Server | undefined} */
  let restricted;

  const closePages = async () => {
    for (const page of errors.keys()) await page.close();
    errors.clear();
  };
  return {
    temp,
    extensionPath,
    server,
    browser,
    workspace: async (files = {}) => {
      const folder = join(temp, `workspace-${workspaces.length + 1}`);
      workspaces.push(folder);
      await mkdir(folder, { recursive: true });
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      return folder;
    },
    open: async (folder, options = {}) => {
      const page = await browser.newPage();
      /** @type {string[]} */
      const lines = [];
      errors.set(page, lines);
      page.on('console', (message) => {
        if (message.type() === 'error') lines.push(message.text());
      });
      page.on('pageerror', (error) => lines.push(error.message));
      await openWorkbench(page, { server: options.server ?? server, folder, extensionPath });
      return page;
    },
    consoleErrors: (page) => errors.get(page) ?? [],
    restrictedServer: async () => {
      restricted ??= await startServer({
        userDir: join(temp, 'restricted-user'),
        extensionsDir: join(temp, 'restricted-extensions'),
        auth: 'none',
        trust: false,
        smokeDriver: true,
        settings: { 'security.workspace.trust.startupPrompt': 'never' },
      });
      return restricted;
    },
    closePages,
    close: async () => {
      await closePages();
      await browser.close();
      await server.stop();
      await restricted?.stop();
      for (const folder of workspaces) await endRuns(folder);
      await rm(temp, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * Copies what ships: a build that someone starts meanwhile must not change the extension under a running test.
 * @param {string} to
 * @returns {string}
 */
function stageExtension(to) {
  if (!existsSync(join(root, 'dist', 'extension.js'))) throw new Error('There is no build: run "node esbuild.mjs".');
  for (const part of ['package.json', 'package.nls.json', 'dist', 'media']) {
    cpSync(join(root, part), join(to, part), { recursive: true });
  }
  return to;
}

/**
 * Runs outlive windows and servers; those of a test must not outlive the test.
 * @param {string} workspace
 */
async function endRuns(workspace) {
  const runsFolder = join(workspace, 'sat-runs');
  for (const id of runIds(runsFolder)) await endEvaluations(join(runsFolder, id, 'evaluations'));
  const running = runIds(runsFolder).filter((id) => !existsSync(join(runsFolder, id, 'exit.json')));
  for (const id of running) {
    const { process: identity } = JSON.parse(readFileSync(join(runsFolder, id, 'run.json'), 'utf8'));
    if (!identity || identity.pid === process.pid) continue;
    const alive = () => existsSync(`/proc/${identity.pid}/stat`);
    if (!alive()) continue;
    await writeFile(join(runsFolder, id, 'stop'), '');
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (alive() && Date.now() < deadline) await sleep(50);
  }
}

/** @param {string} parent */
async function endEvaluations(parent) {
  const folders = existsSync(parent) ? readdirSync(parent).map((name) => join(parent, name)) : [];
  for (const folder of folders.filter((name) => existsSync(join(name, 'process.json')))) {
    const { pid } = JSON.parse(readFileSync(join(folder, 'process.json'), 'utf8'));
    const alive = () => existsSync(`/proc/${pid}/stat`);
    await writeFile(join(folder, 'stop'), '');
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (alive() && Date.now() < deadline) await sleep(50);
  }
}

/**
 * @param {string} runsFolder
 * @returns {string[]} oldest first
 */
export function runIds(runsFolder) {
  if (!existsSync(runsFolder)) return [];
  return readdirSync(runsFolder)
    .filter((name) => !name.startsWith('.') && existsSync(join(runsFolder, name, 'run.json')))
    .sort();
}

/**
 * @typedef {{ event: string, step?: number, epoch?: number, fromStep?: number, status?: string, values?: Record<string, number> }} RunEvent
 */

/**
 * The whole lines of a run's metrics file.
 * @param {string} runFolder
 * @returns {RunEvent[]}
 */
export function readEvents(runFolder) {
  const file = join(runFolder, 'metrics.ndjson');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.filter((line) => line.startsWith('{')).map((line) => /** @type {RunEvent} */ (JSON.parse(line)));
}

/**
 * Steps at which a metric was reported.
 * @param {readonly RunEvent[]} events
 * @param {string} metric
 */
export function stepsOf(events, metric) {
  return events.filter(({ values }) => values?.[metric] !== undefined).map(({ step }) => step ?? NaN);
}

/**
 * Asks until the answer is truthy, and gives it back.
 * @template T
 * @param {string} what is named when it never is
 * @param {() => T | Promise<T>} ask
 * @param {number} [timeoutMs]
 * @param {number} [everyMs]
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, ask, timeoutMs = 20_000, everyMs = 100) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await sleep(everyMs);
  }
}

/**
 * @param {boolean} condition
 * @param {string} message
 */
export function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** A chart of the panel, by its family ("test", "loss"). */
export const testChart = 'sat-chart[data-family=test] canvas';

/**
 * What a chart says of its last drawing; nothing when it is not there.
 * @param {Frame} panel
 * @param {string} [selector]
 * @returns {Promise<{ points: number, lines: number, lastX: number, drawnAt: number } | undefined>}
 */
export async function drawn(panel, selector = testChart) {
  // One look: between finding a canvas and asking it, it may go, and a locator would wait for another.
  const [data] = await panel.locator(selector).evaluateAll((elements) =>
    elements.map((element) => {
      const names = ['points', 'lines', 'last-x', 'drawn-at'];
      return names.map((name) => Number(element.getAttribute(`data-${name}`) ?? NaN));
    }),
  );
  if (!data) return undefined;
  const [points = NaN, lines = NaN, lastX = NaN, drawnAt = NaN] = data;
  return { points, lines, lastX, drawnAt };
}

/**
 * Shows the tree of runs.
 * @param {Page} page
 */
export async function showRuns(page) {
  await openViewContainer(page, 'SAT Lab');
}

/**
 * Rows of the tree whose words for screen readers, which name the status, hold a text.
 * @param {Page} page
 * @param {string} text
 * @returns {Locator}
 */
export function runRows(page, text) {
  return treeRows(page).and(page.locator(`[aria-label*="${text}"]`));
}

/**
 * Presses an inline button of a row in the tree.
 * @param {Locator} row
 * @param {string} title
 */
export async function inlineAction(row, title) {
  await row.first().hover();
  await row.first().locator(`.actions .action-label[aria-label*="${title}"]`).click();
}

/**
 * Opens a file of the workspace by its name.
 * @param {Page} page
 * @param {string} name
 */
export async function openFile(page, name) {
  const tab = page.locator('.tabs-container .tab').filter({ hasText: name });
  for (let attempt = 0; (await tab.count()) === 0; attempt += 1) {
    check(attempt < 5, `${name} could not be opened`);
    await page.keyboard.press('Control+P');
    await page.fill('.quick-input-widget input[type=text]', name);
    const row = page.locator('.quick-input-list .monaco-list-row').filter({ hasText: name }).first();
    await row.click({ timeout: 4_000 }).catch(() => page.keyboard.press('Escape'));
    await tab.waitFor({ timeout: 4_000 }).catch(() => {});
  }
}

/**
 * Presses a button of the notification whose message holds a text.
 * @param {Page} page
 * @param {string} text
 * @param {string} button
 */
export async function pressInNotification(page, text, button) {
  await runCommand(page, 'Notifications: Show Notifications');
  const item = page.locator('.notifications-center .monaco-list-row').filter({ hasText: text }).first();
  await item.waitFor();
  await item.click();
  await item.locator('.monaco-button').filter({ hasText: button }).click();
}
