// @ts-check
// Windows in which a run cannot be started right away: no runs, no folder, no trust.
import { join } from 'node:path';
import { makeRuns } from '../fixtures/makeRuns.mjs';
import { hasCommand, runCommand } from '../host/browser.mjs';
import { check, pressInNotification, runRows, showRuns } from './harness.mjs';

const welcome = '.part.sidebar .welcome-view-content';

/** @type {import('./run.mjs').Test[]} */
export const tests = [
  {
    name: 'places: an empty workspace says what to do',
    async run(lab) {
      const page = await lab.open(await lab.workspace());
      await showRuns(page);
      const view = page.locator(welcome).filter({ hasText: 'There are no runs yet' });
      await view.waitFor();
      const buttons = (await view.locator('.monaco-button').allInnerTexts()).map((text) => text.trim());
      check(
        ['Start Run', 'Create Configuration File'].every((text) => buttons.includes(text)),
        `buttons of the welcome view: ${buttons.join(', ')}`,
      );
      await view.locator('.monaco-button').filter({ hasText: 'Start Run' }).click();
      await page.locator('.quick-input-title').filter({ hasText: 'Start Run (1/4)' }).waitFor();
      await page.keyboard.press('Escape');
    },
  },
  {
    name: 'places: without a folder Start Run offers to open one',
    async run(lab) {
      const page = await lab.open(undefined);
      await showRuns(page);
      const view = page.locator(welcome).filter({ hasText: 'Runs are kept in a folder of the workspace' });
      await view.locator('.monaco-button').filter({ hasText: 'Open Folder' }).waitFor();
      await runCommand(page, 'SAT: Start Run');
      await pressInNotification(page, 'Open one, then start the run', 'Open Folder');
      // The picker of a window without a desktop: an input box with a path.
      await page.locator('.quick-input-widget').filter({ hasText: 'Open Folder' }).waitFor();
    },
  },
  {
    name: 'places: without trust runs can be looked at, not started',
    async run(lab) {
      const workspace = await lab.workspace();
      await makeRuns(join(workspace, 'sat-runs'), { count: 4 });
      const page = await lab.open(workspace, { server: await lab.restrictedServer() });
      await page.locator('.statusbar-item').filter({ hasText: 'Restricted Mode' }).waitFor();
      await showRuns(page);
      for (const status of ['failed', 'lost', 'stopped', 'completed']) {
        await runRows(page, `, ${status},`).first().waitFor();
      }
      check(await hasCommand(page, 'SAT: Open Panel'), 'the palette does not offer SAT: Open Panel');
      for (const title of ['SAT: Start Run', 'SAT: Resume Run', 'SAT: Stop Run']) {
        check(!(await hasCommand(page, title)), `the palette offers ${title}`);
      }
    },
  },
];
