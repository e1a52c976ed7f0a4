// @ts-check
// A run that fails, and what happens to it then.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { notifications, quickPick, runCommand } from '../host/browser.mjs';
import { check, pressInNotification, runIds, runRows, showRuns, until } from './harness.mjs';

const diverging = JSON.stringify({
  version: 1,
  name: 'diverges',
  method: { name: 'erm' },
  data: { name: 'digits' },
  // The first step makes the weights infinite.
  optimizer: { name: 'sgd', learningRate: 1e30 },
});

/** @type {import('./run.mjs').Test[]} */
export const tests = [
  {
    name: 'failed run: it is named, deleted, and brought back',
    async run(lab) {
      const workspace = await lab.workspace({ 'diverges.sat.json': diverging });
      const runsFolder = join(workspace, 'sat-runs');
      const page = await lab.open(workspace);
      await showRuns(page);
      await page.locator('.welcome-view-content').filter({ hasText: 'There are no runs yet' }).waitFor();
      // Started from a terminal: the panel stays closed, so the window has to say it.
      const sat = [join(lab.extensionPath, 'dist', 'sat.js'), 'run', '--detach', '--runs', runsFolder];
      const code = await new Promise((resolve) => {
        spawn(process.execPath, [...sat, join(workspace, 'diverges.sat.json')], { stdio: 'ignore' }).on(
          'exit',
          resolve,
        );
      });
      check(code === 0, `sat run --detach ended with ${String(code)}`);
      await runRows(page, ', failed,').first().waitFor({ timeout: 30_000 });
      await until('a message that the run failed', async () =>
        (await notifications(page)).some((message) => message.includes('diverges') && message.includes('failed')),
      );

      const [id = ''] = runIds(runsFolder);
      await runCommand(page, 'SAT: Delete Run');
      await quickPick(page, 'diverges');
      await until('the run in the trash', () => !existsSync(join(runsFolder, id)));
      check(readdirSync(join(runsFolder, '.trash')).includes(id), 'the run is not in .trash');
      await until('an empty tree', async () => (await runRows(page, ', failed,').count()) === 0);
      await pressInNotification(page, 'is in the trash', 'Undo');
      await runRows(page, ', failed,').first().waitFor();
      check(existsSync(join(runsFolder, id, 'metrics.ndjson')), 'the folder did not come back');
    },
  },
];
