// @ts-check
// From nothing to a finished run, as the first user meets it: start, watch, reload, stop, resume.
import { join } from 'node:path';
import { reloadWorkbench, runCommand, webviewFrame } from '../host/browser.mjs';
import {
  check,
  drawn,
  inlineAction,
  readEvents,
  runIds,
  runRows,
  showRuns,
  stepsOf,
  testChart,
  until,
} from './harness.mjs';

const EPOCHS = 40;
const STEPS = 480;
const METRICS_EVERY = 10;
const STEPS_PER_EPOCH = 12;

/** @type {import('./run.mjs').Test[]} */
export const tests = [
  {
    name: 'main path: start, watch, reload, stop, resume',
    async run(lab, log) {
      const workspace = await lab.workspace();
      const runsFolder = join(workspace, 'sat-runs');
      const page = await lab.open(workspace);
      await runCommand(page, 'SAT: Start Run');
      await acceptSteps(page);
      const accepted = Date.now();

      const [id = ''] = await until('a run folder', () => {
        const ids = runIds(runsFolder);
        return ids.length > 0 ? ids : undefined;
      });
      const folder = join(runsFolder, id);
      let panel = await webviewFrame(page, 'sat-panel', 30_000);
      await until('the first points in the panel', async () => ((await drawn(panel))?.points ?? 0) >= 3, 60_000);
      log(`3 epochs drawn ${((Date.now() - accepted) / 1000).toFixed(1)} s after the last Enter`);
      const before = stepsOf(readEvents(folder), 'test/accuracy').length;

      // In a browser, VS Code writes down which editors are open only every few seconds.
      await page.waitForTimeout(4_000);
      await reloadWorkbench(page);
      panel = await webviewFrame(page, 'sat-panel', 30_000);
      await until('all points after the reload', () => showsAll(panel, folder), 30_000, 50);
      const after = stepsOf(readEvents(folder), 'test/accuracy').length;
      check(after > before, `the run did not go on over the reload: ${before} evaluations before, ${after} after`);
      check(!ended(folder), 'the run ended before it could be stopped: the reload was not during training');
      await until('more points', async () => ((await drawn(panel))?.points ?? 0) > after, 10_000);

      await showRuns(page);
      await runRows(page, ', running,').first().waitFor();
      await inlineAction(runRows(page, ', running,'), 'Stop Run');
      await runRows(page, ', stopped,').first().waitFor({ timeout: 30_000 });
      const stopped = readEvents(folder).at(-1);
      check(stopped?.event === 'end' && stopped.status === 'stopped', `the last event is ${JSON.stringify(stopped)}`);

      await inlineAction(runRows(page, ', stopped,'), 'Resume Run');
      await runRows(page, ', running,').first().waitFor();
      await runRows(page, ', completed,').first().waitFor({ timeout: 90_000 });
      await until('all points at the end', () => showsAll(panel, folder), 5_000, 50);
      check((await drawn(panel))?.lastX === EPOCHS, `the last point drawn is not at epoch ${EPOCHS}`);

      const events = readEvents(folder);
      const starts = events.filter(({ event }) => event === 'start').map(({ fromStep }) => fromStep !== undefined);
      check(JSON.stringify(starts) === '[false,true]', `starts with a step to go on from: ${JSON.stringify(starts)}`);
      const loss = stepsOf(events, 'train/loss');
      check(loss.join() === every(METRICS_EVERY).join(), `steps of train/loss: ${loss.join()}`);
      const accuracy = stepsOf(events, 'test/accuracy');
      check(accuracy.join() === every(STEPS_PER_EPOCH).join(), `steps of test/accuracy: ${accuracy.join()}`);
    },
  },
];

/**
 * Takes what is offered in each of the four steps.
 * @param {import('../host/browser.mjs').Page} page
 * @param {(step: number) => Promise<void>} [look] is called before each Enter
 */
export async function acceptSteps(page, look) {
  const placeholders = ['Data set', 'Corrupted labels', 'Method', 'What will run'];
  for (const [i, placeholder] of placeholders.entries()) {
    await page
      .locator('.quick-input-title')
      .filter({ hasText: `Start Run (${i + 1}/4)` })
      .waitFor();
    await page.locator(`.quick-input-widget input[placeholder="${placeholder}"]`).waitFor();
    // The first one waits for the list of data sets.
    await page.locator('.quick-input-list .monaco-list-row.focused').first().waitFor();
    await look?.(i + 1);
    await page.keyboard.press('Enter');
  }
}

/**
 * Whether the chart holds as many points as there are on disk.
 * @param {import('../host/browser.mjs').Frame} panel
 * @param {string} folder
 */
async function showsAll(panel, folder) {
  const shown = await drawn(panel, testChart).catch(() => undefined);
  return shown !== undefined && shown.points === stepsOf(readEvents(folder), 'test/accuracy').length;
}

/** @param {string} folder */
function ended(folder) {
  return readEvents(folder).some(({ event }) => event === 'end');
}

/** @param {number} stride */
function every(stride) {
  return Array.from({ length: STEPS / stride }, (_, i) => (i + 1) * stride);
}
