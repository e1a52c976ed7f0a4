// @ts-check
// What the editor knows of *.sat.json files: the lens, squiggles, completion.
import { runCommand } from '../host/browser.mjs';
import { check, openFile, until } from './harness.mjs';

const sound = `{
  "version": 1,
  "method": { "name": "sat",  },
  "epochs": 4
}
`;
const wrong = `{
  "version": 1,
  "learnrate": 3,
  "data": { "name": "digits", "noise": { "type": "corrupted_label", "rate": 1.5 } }
}
`;

/** @type {import('./run.mjs').Test[]} */
export const tests = [
  {
    name: 'file: Run lens, problems, completion',
    async run(lab, log) {
      const page = await lab.open(await lab.workspace({ 'sound.sat.json': sound, 'wrong.sat.json': wrong }));
      await openFile(page, 'wrong.sat.json');
      await page.locator('.codelens-decoration').filter({ hasText: 'Run' }).first().waitFor();
      await page.locator('.monaco-editor .squiggly-error, .monaco-editor .squiggly-warning').first().waitFor();
      await runCommand(page, 'Problems: Focus on Problems View');
      const problems = page.locator('.markers-panel .monaco-tl-contents');
      const texts = await until('both problems', async () => {
        const all = await problems.allInnerTexts();
        return all.some((text) => /learnrate/.test(text)) && all.some((text) => /1\.5|rate|<=\s*1|maximum/i.test(text))
          ? all
          : undefined;
      });
      log(`problems: ${texts.map((text) => text.replace(/\s+/g, ' ')).join(' | ')}`);
      const lines = texts.map((text) => /\[Ln (\d+)/.exec(text)?.[1]).filter((line) => line !== undefined);
      check(lines.includes('3') && lines.includes('4'), `lines with problems: ${lines.join(', ')}`);
      await runCommand(page, 'View: Toggle Panel Visibility');

      await openFile(page, 'sound.sat.json');
      await page.locator('.codelens-decoration').filter({ hasText: 'Run' }).first().waitFor();
      await page.locator('.monaco-editor .view-lines').first().click();
      await page.keyboard.press('Control+G');
      await page.fill('.quick-input-widget input[type=text]', ':3:30');
      await page.keyboard.press('Enter');
      await page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
      const offer = page.locator('.suggest-widget .monaco-list-row').filter({ hasText: 'startEpoch' });
      await until(
        'startEpoch among the suggestions',
        async () => {
          await page.keyboard.press('Control+Space');
          await page.waitForTimeout(700);
          if ((await offer.count()) > 0) return true;
          await page.keyboard.press('Escape');
          return false;
        },
        15_000,
      );
      const others = await page.locator('.suggest-widget .monaco-list-row').allInnerTexts();
      check(!others.some((text) => text.includes('epochs')), `suggested inside method: ${others.join(', ')}`);
    },
  },
];
