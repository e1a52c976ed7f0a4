// @ts-check
// A finished run that is looked at and repeated.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { notifications, runCommand, webviewFrame } from '../host/browser.mjs';
import { check, runIds, runRows, showRuns, until } from './harness.mjs';

const short = JSON.stringify({
  version: 1,
  name: 'short',
  data: { name: 'digits', limit: 256, noise: { type: 'corrupted_label', rate: 0.4 } },
  epochs: 2,
});

/** @type {import('./run.mjs').Test[]} */
export const tests = [
  {
    name: 'rerun: it says whether the numbers are the same',
    async run(lab) {
      const workspace = await lab.workspace({ 'short.sat.json': short });
      const runsFolder = join(workspace, 'sat-runs');
      const sat = [join(lab.extensionPath, 'dist', 'sat.js'), 'run', '--runtime', 'wasm', '--runs', runsFolder];
      execFileSync(process.execPath, [...sat, join(workspace, 'short.sat.json')], { stdio: 'ignore' });
      const [id = ''] = runIds(runsFolder);
      const page = await lab.open(workspace);
      await showRuns(page);
      await runRows(page, ', completed,').first().click();
      // In view it is once, though its row is both clicked and selected.
      const panel = await webviewFrame(page, 'sat-panel', 30_000);
      await panel.locator('h1').filter({ hasText: 'short' }).waitFor();
      await runCommand(page, 'SAT: Rerun Exactly');
      await until('both completed', async () => (await runRows(page, ', completed,').count()) === 2, 60_000);
      const wanted = `The same numbers as ${id}, bit for bit.`;
      await until('a message that says so', async () =>
        (await notifications(page)).some((message) => message.includes(wanted)),
      );
      check(runIds(runsFolder).length === 2, 'there are not two runs');
    },
  },
];
