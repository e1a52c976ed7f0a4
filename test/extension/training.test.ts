import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { SatLabApi } from '../../src/extension/extension';
import { resolveConfig } from '../../src/lab/config';
import { startRun } from '../../src/lab/launch';
import type { Run } from '../../src/lab/run';
import { describe, it } from '../host/mocha.mjs';

const epochs = 2;
const deadlineMilliseconds = 60_000;

/** Trains from the host on some runtime. @returns the run, and what the lab told of it meanwhile */
async function train(runtime: 'wasm' | 'tensorflow'): Promise<{ run: Run; changes: string[] }> {
  const extension = vscode.extensions.getExtension<SatLabApi>('sat-lab.sat-lab');
  const { lab } = (await extension?.activate()) ?? {};
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(lab && folder);
  await lab.load();
  // In a desktop VS Code this is Electron, which the launcher turns into Node.
  assert.equal(lab.tools.node, process.execPath);
  const config = resolveConfig({ method: { name: 'erm' }, data: { name: 'digits' }, epochs, runtime });
  const started = await startRun({ runsFolder: lab.runsFolderOf(folder), config }, lab.tools);

  const changes: string[] = [];
  const subscription = lab.onDidChangeRun((run) => {
    if (run.folder === started.folder) changes.push(run.status);
  });
  let run: Run | undefined;
  do {
    await sleep(100);
    run = lab.get(started.folder);
  } while (run?.status !== 'completed' && run?.status !== 'failed');
  subscription.dispose();
  return { run, changes };
}

describe('training from the extension host', () => {
  it('starts a run with the host’s own program, follows it, and sees it complete', async function () {
    this.timeout(deadlineMilliseconds);
    const { run, changes } = await train('wasm');
    assert.equal(run.status, 'completed', run.statusNote);
    assert.equal(run.series.get('test/accuracy')?.length, epochs);
    assert.ok((run.latest('test/accuracy')?.value ?? 0) > 0.5, 'the digits were not learned');
    assert.equal(changes.at(-1), 'completed');
  });

  it('trains with TensorFlow where it is installed', async function () {
    this.timeout(deadlineMilliseconds);
    const { SAT_RUNTIMES: before, SAT_TEST_RUNTIMES: installed = '' } = process.env;
    if (!existsSync(join(installed, 'tensorflow', 'current.json'))) return this.skip();
    process.env['SAT_RUNTIMES'] = installed;
    const { run } = await train('tensorflow').finally(() => (process.env['SAT_RUNTIMES'] = before));
    assert.equal(run.status, 'completed', run.statusNote);
    assert.equal(run.runtime, 'tensorflow, CPU:0');
    assert.ok((run.latest('test/accuracy')?.value ?? 0) > 0.5, 'the digits were not learned');
  });
});
