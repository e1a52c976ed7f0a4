// @ts-check
// Pictures of what a user sees, to be looked at: node test/browser/screenshots.mjs FOLDER
import { resolve, join } from 'node:path';
import { makeRuns } from '../fixtures/makeRuns.mjs';
import { runCommand, screenshot, setTheme, webviewFrame } from '../host/browser.mjs';
import { installHost } from '../host/install.mjs';
import { acceptSteps } from './mainPath.mjs';
import { drawn, runRows, showRuns, startLab, until } from './harness.mjs';
import { themes } from './manyRuns.mjs';

const LIVE_MS = 8_000;
/** Drawing goes on for a moment after the first points. */
const SETTLE_MS = 1_500;

const folder = process.argv[2];
if (folder === undefined) {
  console.error('Usage: node test/browser/screenshots.mjs FOLDER');
  process.exit(2);
}
const installed = await installHost({ systemPackages: process.env['CI'] === 'true', log: console.log });
if (!installed.ok) {
  console.error(installed.problem);
  process.exit(1);
}
const lab = await startLab();
try {
  await startAndWatch();
  await finishedRun();
  await manyRuns();
} finally {
  await lab.close();
}

/**
 * @param {import('./harness.mjs').Page} page
 * @param {string} name
 */
async function take(page, name) {
  const file = join(resolve(folder ?? ''), `${name}.png`);
  await screenshot(page, file);
  console.log(file);
}

async function startAndWatch() {
  const page = await lab.open(await lab.workspace());
  await showRuns(page);
  await page.locator('.welcome-view-content').filter({ hasText: 'There are no runs yet' }).waitFor();
  await take(page, '1-empty');
  await runCommand(page, 'SAT: Start Run');
  await acceptSteps(page, (step) => take(page, `2-start-step-${step}`));
  await panelWithPoints(page);
  await page.waitForTimeout(LIVE_MS);
  await take(page, '3-live');
  await lab.closePages();
}

async function finishedRun() {
  const workspace = await lab.workspace();
  await makeRuns(join(workspace, 'sat-runs'), { count: 1, kinds: [] });
  const page = await lab.open(workspace);
  await showRuns(page);
  await runRows(page, ', completed,').first().waitFor();
  await runCommand(page, 'SAT: Open Panel');
  await panelWithPoints(page);
  await take(page, '4-one-finished-run');
  await lab.closePages();
}

async function manyRuns() {
  const workspace = await lab.workspace();
  await makeRuns(join(workspace, 'sat-runs'), { count: 100 });
  const page = await lab.open(workspace);
  await showRuns(page);
  await runRows(page, ', failed,').first().waitFor();
  await runCommand(page, 'SAT: Open Panel');
  const panel = await panelWithPoints(page);
  await take(page, '5-hundred-runs');
  const canvas = panel.locator('sat-chart canvas').first();
  await canvas.hover();
  await page.waitForTimeout(300);
  await take(page, '6-pointer-on-a-chart');
  for (const theme of themes) {
    await setTheme(page, theme);
    await page.mouse.move(0, 0);
    await page.waitForTimeout(SETTLE_MS);
    await take(page, `7-${theme.toLowerCase().replaceAll(' ', '-')}`);
  }
  await setTheme(page, 'Dark Modern');
  await runCommand(page, 'View: Toggle Primary Side Bar Visibility');
  await page.locator('.part.sidebar').waitFor({ state: 'hidden' });
  await page.setViewportSize({ width: 380, height: 800 });
  await page.waitForTimeout(SETTLE_MS);
  await take(page, '8-narrow');
  await lab.closePages();
}

/** @param {import('./harness.mjs').Page} page */
async function panelWithPoints(page) {
  const panel = await webviewFrame(page, 'sat-panel', 30_000);
  await until('points in the panel', async () => ((await drawn(panel))?.points ?? 0) > 0, 60_000);
  await page.waitForTimeout(SETTLE_MS);
  return panel;
}
