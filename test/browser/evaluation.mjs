// @ts-check
// A checkpoint is evaluated from the tree: progress, stop, resume, the result in its row and in the panel.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCommand, reloadWorkbench, runCommand, treeRows, webviewFrame } from '../host/browser.mjs';
import { check, drawn, inlineAction, pressInNotification, runIds, runRows, showRuns, until } from './harness.mjs';

const TEST_IMAGES = 360;

const short = JSON.stringify({
  version: 1,
  name: 'short',
  method: { name: 'erm' },
  data: { name: 'digits' },
  epochs: 2,
  checkpoint: { every: 1 },
});

const input = '.quick-input-widget input[placeholder^="Attack"]';

/** @type {import('./run.mjs').Test[]} */
export const tests = [
  {
    name: 'evaluation: from the tree to the row and the panel, stopped and resumed on the way',
    async run(lab) {
      const workspace = await lab.workspace({ 'short.sat.json': short });
      const folder = await trained(lab, workspace);
      const page = await lab.open(workspace);
      await showRuns(page);
      await expandRun(page);

      // One that takes long: its progress is seen, it outlives the window, stops, and goes on.
      await inlineAction(row(page, 'epoch-2'), 'Evaluate Checkpoint');
      await answer(page, 'Attack', 'AutoAttack');
      await answer(page, 'Radius', '0.1');
      await answer(page, 'How many', 'All Images');
      await row(page, 'AutoAttack, running').first().waitFor();
      await until('progress in the row', async () => /AutoAttack \d+ %/.test(await text(row(page, 'epoch-2'))), 60_000);
      await reloadWorkbench(page);
      await runRows(page, 'evaluating epoch-2').first().waitFor();
      await expandRun(page);
      await row(page, 'epoch-2').first().locator('.monaco-tl-twistie').click();
      await row(page, 'AutoAttack, running').first().waitFor();
      await inlineAction(row(page, 'AutoAttack, running'), 'Stop Evaluation');
      await row(page, 'AutoAttack, stopped').first().waitFor({ timeout: 60_000 });
      await inlineAction(row(page, 'AutoAttack, stopped'), 'Resume Evaluation');
      await row(page, 'AutoAttack, running').first().waitFor();
      await inlineAction(row(page, 'AutoAttack, running'), 'Stop Evaluation');
      await row(page, 'AutoAttack, stopped').first().waitFor({ timeout: 60_000 });

      // One that is quick: its result is in the row.
      await inlineAction(row(page, 'epoch-2'), 'Evaluate Checkpoint');
      await until('the last choice on top', async () => (await focused(page)).startsWith('AutoAttack'));
      await answer(page, 'Attack', 'PGD-20');
      await answer(page, 'Radius', '0.1');
      await answer(page, 'How many', 'All Images');
      await row(page, 'PGD-20, completed').first().waitFor({ timeout: 60_000 });
      const { total, robust } = countsOf(folder, 'pgd20');
      check(total === TEST_IMAGES, `${total} images`);
      const expected = `PGD-20 ${((100 * robust) / total).toFixed(1)} % `;
      await until(`"${expected}" in the row`, async () => (await text(row(page, 'epoch-2'))).includes(expected));

      await runCommand(page, 'SAT: Open Panel');
      const panel = await webviewFrame(page, 'sat-panel', 30_000);
      const chart = 'sat-chart[data-family=robust] canvas';
      await until('a chart of robust accuracy', async () => (await drawn(panel, chart))?.points === 1, 30_000);

      // Deleted, and taken back.
      const before = evaluations(folder).length;
      await row(page, 'PGD-20, completed').first().click({ button: 'right' });
      // A click that comes too soon after the menu is taken for the one that opened it.
      await page.locator('.context-view .action-label').filter({ hasText: 'Delete Evaluation' }).hover();
      await page.keyboard.press('Enter');
      await until('the evaluation in the trash', () => evaluations(folder).length === before - 1);
      await until('no chart', async () => (await drawn(panel, chart)) === undefined);
      await pressInNotification(page, 'is in the trash', 'Undo');
      await until('the evaluation back', () => evaluations(folder).length === before);
      await row(page, 'PGD-20, completed').first().waitFor();

      // Options behind the name. What is wrong with them is said at once, and cannot be taken.
      await inlineAction(row(page, 'epoch-2'), 'Evaluate Checkpoint');
      const choice = (/** @type {string} */ words) =>
        page.locator('.quick-input-list .monaco-list-row').filter({ hasText: words }).first();
      await page.fill(input, 'pgd stride=3');
      await choice('pgd: Unrecognized key: "stride"').waitFor();
      await page.keyboard.press('Enter');
      await page.fill(input, 'pgd steps=3 norm=l2 epsilon=128/255');
      await choice('PGD-3').waitFor();
      await page.keyboard.press('Enter');
      await answer(page, 'How many', 'All Images');
      await row(page, 'PGD-3, completed').first().waitFor({ timeout: 60_000 });
      check(evaluations(folder).length === before + 1, `${evaluations(folder).length} evaluations`);
    },
  },
  {
    name: 'evaluation: results can be looked at without trust, and nothing started',
    async run(lab) {
      const workspace = await lab.workspace({ 'short.sat.json': short });
      const folder = await trained(lab, workspace);
      const sat = ['evaluate', folder, '--attack', 'fgsm', '--limit', '100', '--runtime', 'wasm'];
      check((await satEnds(lab, sat)) === 0, 'sat evaluate failed');
      const page = await lab.open(workspace, { server: await lab.restrictedServer() });
      await showRuns(page);
      await expandRun(page);
      await until('the result', async () => (await text(row(page, 'epoch-2'))).includes('FGSM'));
      await row(page, 'epoch-2').first().hover();
      const button = row(page, 'epoch-2').first().locator('.actions .action-label[aria-label*="Evaluate Checkpoint"]');
      check(
        (await button.count()) === 0 || (await button.getAttribute('aria-disabled')) === 'true',
        'it can be pressed',
      );
      check(!(await hasCommand(page, 'SAT: Evaluate Checkpoint')), 'the palette offers it');
    },
  },
];

/**
 * A run of two epochs, each with a checkpoint.
 * @param {import('./harness.mjs').Lab} lab
 * @param {string} workspace
 * @returns {Promise<string>} its folder
 */
export async function trained(lab, workspace) {
  const runsFolder = join(workspace, 'sat-runs');
  const config = join(workspace, 'short.sat.json');
  const code = await satEnds(lab, ['run', config, '--runs', runsFolder, '--runtime', 'wasm']);
  check(code === 0, `sat run ended with ${String(code)}`);
  return join(runsFolder, runIds(runsFolder)[0] ?? '');
}

/**
 * @param {import('./harness.mjs').Lab} lab
 * @param {string[]} args
 */
function satEnds(lab, args) {
  return new Promise((resolve) => {
    const sat = join(lab.extensionPath, 'dist', 'sat.js');
    spawn(process.execPath, [sat, ...args], { stdio: 'ignore' }).on('exit', resolve);
  });
}

/** @param {import('./harness.mjs').Page} page */
export async function expandRun(page) {
  const run = runRows(page, 'short, completed,').first();
  await run.locator('.monaco-tl-twistie').click();
  await row(page, 'epoch-2').first().waitFor();
}

/**
 * @param {import('./harness.mjs').Page} page
 * @param {string} label
 */
export function row(page, label) {
  return treeRows(page).and(page.locator(`[aria-label^="${label}"]`));
}

/** @param {import('./harness.mjs').Locator} locator */
async function text(locator) {
  return (await locator.first().getAttribute('aria-label')) ?? '';
}

/** @param {import('./harness.mjs').Page} page */
async function focused(page) {
  return page.locator('.quick-input-list .monaco-list-row.focused').first().innerText();
}

/**
 * Chooses in one step of several.
 * @param {import('./harness.mjs').Page} page
 * @param {string} placeholder how the question begins
 * @param {string} label
 */
export async function answer(page, placeholder, label) {
  const input = page.locator(`.quick-input-widget input[placeholder^="${placeholder}"]`);
  await input.waitFor();
  await page
    .locator('.quick-input-list .monaco-list-row')
    .filter({ has: page.locator('.label-name').getByText(label, { exact: true }) })
    .first()
    .click();
}

/** @param {string} runFolder */
function evaluations(runFolder) {
  const parent = join(runFolder, 'evaluations');
  return existsSync(parent) ? readdirSync(parent).filter((name) => !name.startsWith('.')) : [];
}

/**
 * @param {string} runFolder
 * @param {string} attack
 * @returns {{ total: number, robust: number }}
 */
function countsOf(runFolder, attack) {
  const name = evaluations(runFolder).find((id) => id.includes(attack)) ?? '';
  return JSON.parse(readFileSync(join(runFolder, 'evaluations', name, 'evaluation.json'), 'utf8')).counts;
}
