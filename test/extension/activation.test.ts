import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { SatLabApi } from '../../src/extension/extension';
import { describe, it } from '../host/mocha.mjs';

/** What a window may lose to the extension when it opens, with a hundred runs in its folder. */
const activationGoalMilliseconds = 50;
const madeRuns = 100;

const id = 'sat-lab.sat-lab';

async function activate(): Promise<SatLabApi> {
  const extension = vscode.extensions.getExtension<SatLabApi>(id);
  assert.ok(extension, `${id} is not installed`);
  return extension.activate();
}

interface Manifest {
  contributes: { commands: { command: string }[] };
}

describe('activation', () => {
  it('takes less time than anybody notices', async () => {
    const { activationMilliseconds, lab } = await activate();
    console.log(
      `       activated in ${activationMilliseconds.toFixed(1)} ms, the goal is ${activationGoalMilliseconds} ms`,
    );
    assert.ok(activationMilliseconds < activationGoalMilliseconds, `${activationMilliseconds} ms`);
    await lab.load();
    assert.equal(lab.runs.length, madeRuns);
  });

  it('registers every command of the manifest', async () => {
    await activate();
    const { contributes } = vscode.extensions.getExtension(id)?.packageJSON as Manifest;
    const registered = new Set(await vscode.commands.getCommands(true));
    const missing = contributes.commands.map(({ command }) => command).filter((command) => !registered.has(command));
    assert.deepEqual(missing, []);
  });

  it('tells what state each run is in', async () => {
    const { lab } = await activate();
    await lab.load();
    const statuses = lab.runs.slice(0, 4).map(({ status }) => status);
    assert.deepEqual(statuses, ['failed', 'lost', 'stopped', 'completed']);
  });
});
