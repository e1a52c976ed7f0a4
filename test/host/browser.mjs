// @ts-check
// Drives VS Code in a headless Chromium.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { findChromium } from './install.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').Frame} Frame */
/** @typedef {import('playwright-core').Locator} Locator */

const START_TIMEOUT_MS = 60_000;
const TIMEOUT_MS = 20_000;
const inputBox = '.quick-input-widget input[type=text]';
const pickRow = '.quick-input-widget .quick-input-list .monaco-list-row';

/**
 * @typedef {object} Browser
 * @property {import('playwright-core').BrowserContext} context
 * @property {() => Promise<Page>} newPage
 * @property {() => Promise<void>} close
 */

/**
 * Launches Chromium with an empty profile. Its cache lasts until close(): a second workbench loads in half the time.
 * @param {{ width?: number, height?: number, headless?: boolean }} [options]
 * @returns {Promise<Browser>}
 */
export async function launchBrowser({ width = 1280, height = 800, headless = true } = {}) {
  const executablePath = findChromium();
  if (!executablePath) throw new Error('No Chromium found: install it, or name one in the CHROMIUM variable.');
  const profile = await mkdtemp(join(tmpdir(), 'sat-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless,
    viewport: { width, height },
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  context.setDefaultTimeout(TIMEOUT_MS);
  return {
    context,
    newPage: () => context.newPage(),
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * @typedef {object} OpenOptions
 * @property {import('./server.mjs').Server} server
 * @property {string | undefined} [folder] a folder or a .code-workspace file; without it an empty window
 * @property {string} [extensionPath] an extension in development, in place of an installed one
 * @property {string} [extensionTestsPath] see inHost.mjs
 */

/**
 * Opens a workbench in the page, signs in where the server asks for it, and waits until it is usable.
 * @param {Page} page
 * @param {OpenOptions} options
 * @returns {Promise<void>}
 */
export async function openWorkbench(page, { server, folder, extensionPath, extensionTestsPath }) {
  const url = new URL('/', server.url);
  if (folder === undefined) url.searchParams.set('ew', 'true');
  else url.searchParams.set(folder.endsWith('.code-workspace') ? 'workspace' : 'folder', folder);
  /** @type {[string, string][]} */
  const payload = [];
  const remote = (/** @type {string} */ path) => `vscode-remote://${server.authority}${path}`;
  if (extensionPath) payload.push(['extensionDevelopmentPath', remote(extensionPath)]);
  if (extensionTestsPath) payload.push(['extensionTestsPath', remote(extensionTestsPath)]);
  if (payload.length > 0) {
    // VS Code ignores the payload silently without it.
    if (!server.smokeDriver) throw new Error('extensionPath needs a server started with smokeDriver: true.');
    url.searchParams.set('payload', JSON.stringify(payload));
  }
  await page.goto(url.href, { timeout: START_TIMEOUT_MS });
  if (server.password !== undefined && new URL(page.url()).pathname.endsWith('/login')) {
    await page.fill('input[type=password]', server.password);
    await page.press('input[type=password]', 'Enter');
  }
  await workbenchReady(page);
}

/**
 * Waits for the workbench, after opening or reloading it.
 * @param {Page} page
 */
export async function workbenchReady(page) {
  await page
    .locator('.monaco-workbench .part.statusbar .statusbar-item')
    .first()
    .waitFor({ timeout: START_TIMEOUT_MS });
  await page.locator('.monaco-workbench .part.activitybar .action-item').first().waitFor({ timeout: START_TIMEOUT_MS });
}

/**
 * Reloads the window and waits for the workbench.
 * @param {Page} page
 */
export async function reloadWorkbench(page) {
  // As a user does it: the command lets the workbench save its state, which reloading the page need not.
  const loaded = page.waitForEvent('load', { timeout: START_TIMEOUT_MS });
  await runCommand(page, 'Developer: Reload Window');
  await loaded;
  await workbenchReady(page);
}

/**
 * Runs a command by its full title ("SAT: Start Run") through the palette.
 * @param {Page} page
 * @param {string} title
 * @param {number} [timeoutMs] how long the command may take to be offered: an extension may still be loading
 */
export async function runCommand(page, title, timeoutMs = TIMEOUT_MS) {
  const deadline = Date.now() + timeoutMs;
  const row = page
    .locator(pickRow)
    .filter({ has: page.locator('.label-name').getByText(title, { exact: true }) })
    .first();
  for (;;) {
    await openPalette(page);
    await page.fill(inputBox, `>${title}`);
    try {
      // Not after the navigation that a command such as a reload starts: that can take longer.
      await row.click({ timeout: 2_000, noWaitAfter: true });
      return;
    } catch (error) {
      // The palette lists what was known when it opened.
      await page.keyboard.press('Escape');
      if (Date.now() > deadline) throw new Error(`The palette offers no command "${title}".`, { cause: error });
    }
  }
}

/**
 * Whether the palette offers a command now.
 * @param {Page} page
 * @param {string} title
 * @returns {Promise<boolean>}
 */
export async function hasCommand(page, title) {
  await openPalette(page);
  await page.fill(inputBox, `>${title}`);
  await page.locator(pickRow).first().waitFor();
  await sleep(500);
  const rows = await page.locator(`${pickRow} .label-name`).allInnerTexts();
  await page.keyboard.press('Escape');
  return rows.includes(title);
}

/** @param {Page} page */
async function openPalette(page) {
  const input = page.locator(inputBox);
  for (let attempt = 0; attempt < 10; attempt++) {
    await page.keyboard.press('F1');
    try {
      await input.waitFor({ state: 'visible', timeout: 1_000 });
      return;
    } catch {
      // Something had the keyboard, or the workbench was not listening yet.
      await page.keyboard.press('Escape');
    }
  }
  throw new Error('The command palette did not open.');
}

/**
 * Chooses the first row that holds the text in the open quick pick.
 * @param {Page} page
 * @param {string} text
 */
export async function quickPick(page, text) {
  await page.locator(pickRow).filter({ hasText: text }).first().click();
}

/**
 * Fills the open input box and confirms it.
 * @param {Page} page
 * @param {string} value
 */
export async function quickInput(page, value) {
  await page.fill(inputBox, value);
  await page.press(inputBox, 'Enter');
}

/**
 * The rows of the trees and lists in the side bar that are in view; narrow them with `.filter({ hasText })`.
 * @param {Page} page
 * @returns {Locator}
 */
export function treeRows(page) {
  return page.locator('.part.sidebar .monaco-list-row');
}

/**
 * Shows a view container by the title of its activity-bar icon.
 * @param {Page} page
 * @param {string} title
 */
export async function openViewContainer(page, title) {
  const item = page.locator('.part.activitybar .action-item').filter({ has: page.locator(`[aria-label^="${title}"]`) });
  await item.first().waitFor();
  // A click on the one that is shown would hide the side bar.
  if ((await item.first().getAttribute('class'))?.includes('checked') === true) return;
  await item.first().click();
}

/**
 * The page inside a visible webview. After a reload ask again: the old frame is gone.
 * @param {Page} page
 * @param {string} [holding] a selector, to tell webviews apart
 * @param {number} [timeoutMs]
 * @returns {Promise<Frame>}
 */
export async function webviewFrame(page, holding = 'body', timeoutMs = TIMEOUT_MS) {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    for (const frame of page.frames()) {
      try {
        const outer = frame.parentFrame();
        if (!outer?.parentFrame()) continue;
        const element = await frame.frameElement();
        if ((await element.getAttribute('id')) !== 'active-frame') continue;
        if (!(await (await outer.frameElement()).isVisible())) continue;
        if ((await frame.locator(holding).count()) > 0) return frame;
      } catch {
        // A frame that goes away while it is looked at is not the one.
      }
    }
    await sleep(50);
  }
  throw new Error(`No visible webview holds "${holding}".`);
}

/**
 * Chooses a colour theme in VS Code's own picker, by its label ("Dark High Contrast").
 * @param {Page} page
 * @param {string} name
 */
export async function setTheme(page, name) {
  await runCommand(page, 'Preferences: Color Theme');
  await page.locator(pickRow).first().waitFor();
  await page.fill(inputBox, name);
  const row = page.locator(pickRow).filter({ has: page.locator('.label-name').getByText(name, { exact: true }) });
  await row.first().click();
  await page.locator(inputBox).waitFor({ state: 'hidden' });
}

/**
 * The messages in the notification centre. Toasts never show while the smoke test driver is on; the centre does.
 * @param {Page} page
 * @returns {Promise<string[]>}
 */
export async function notifications(page) {
  await runCommand(page, 'Notifications: Show Notifications');
  await page.locator('.notifications-center').waitFor();
  const messages = await page.locator('.notifications-center .notification-list-item-message').allInnerTexts();
  await page.keyboard.press('Escape');
  return messages;
}

/**
 * Writes a PNG of the page.
 * @param {Page} page
 * @param {string} file
 */
export async function screenshot(page, file) {
  await mkdir(dirname(file), { recursive: true });
  await page.screenshot({ path: file, animations: 'disabled' });
}

/**
 * What axe-core finds wrong in a webview or page, one line each.
 * @param {Frame} frame
 * @returns {Promise<string[]>}
 */
export async function accessibilityViolations(frame) {
  const { source } = /** @type {{ source: string }} */ (createRequire(import.meta.url)('axe-core'));
  await frame.evaluate(source);
  const found = /** @type {{ violations: { id: string, help: string, nodes: { html: string }[] }[] }} */ (
    await frame.evaluate('axe.run(document)')
  );
  return found.violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map((node) => node.html).join(', ')})`);
}
