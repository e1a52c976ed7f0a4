import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { SatLabApi } from '../../src/extension/extension';
import type { Lab } from '../../src/extension/lab';
import type { Run } from '../../src/lab/run';
import { unfinishedSweeps } from '../../src/lab/sweepClaim';
import { describe, it } from '../host/mocha.mjs';

const deadlineMilliseconds = 60_000;

interface Place {
  lab: Lab;
  folder: vscode.Uri;
  runsFolder: string;
}

async function open(): Promise<Place> {
  const { lab } = (await vscode.extensions.getExtension<SatLabApi>('sat-lab.sat-lab')?.activate()) ?? {};
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(lab && folder);
  await lab.load();
  return { lab, folder: folder.uri, runsFolder: lab.runsFolderOf(folder) };
}

/** @param limit another one makes other cells: what has run under one name is not run again under another */
async function sweepFile({ folder }: Place, name: string, limit: number): Promise<vscode.Uri> {
  const file = vscode.Uri.joinPath(folder, `${name}.sat.json`);
  const content = {
    name,
    method: { name: 'erm' },
    data: { name: 'digits', limit },
    epochs: 1,
    sweep: { seed: [0, 1] },
  };
  await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(JSON.stringify(content)));
  return file;
}

async function untilCompleted({ lab }: Place, group: string): Promise<Run[]> {
  for (;;) {
    await sleep(200);
    const runs = lab.runs.filter(({ record }) => record?.group === group);
    const failed = runs.find(({ status }) => status === 'failed' || status === 'lost');
    assert.equal(failed?.statusNote, undefined);
    if (runs.length === 2 && runs.every(({ status }) => status === 'completed')) return runs;
  }
}

describe('a sweep in the extension host', () => {
  it('is started by the lens of its file, and runs every cell', async function () {
    this.timeout(deadlineMilliseconds);
    const place = await open();
    const file = await sweepFile(place, 'two seeds', 256);
    await vscode.window.showTextDocument(file);
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>('vscode.executeCodeLensProvider', file);
    const lens = lenses.find(({ command }) => command?.title.includes('Run Sweep (2 runs)'));
    assert.ok(lens?.command, `the lenses: ${lenses.map(({ command }) => command?.title).join(', ')}`);
    await vscode.commands.executeCommand(lens.command.command, ...((lens.command.arguments ?? []) as unknown[]));
    const runs = await untilCompleted(place, 'two seeds');
    assert.deepEqual(
      runs.map(({ record }) => record?.groupSize),
      [2, 2],
    );
    assert.equal(new Set(runs.map(({ record }) => record?.cell)).size, 2);
  });

  it('shows what it came to as a table', async function () {
    this.timeout(deadlineMilliseconds);
    const place = await open();
    await sweepFile(place, 'two seeds', 256);
    const runs = await untilCompleted(place, 'two seeds');
    const shown = async (has: string) => {
      await vscode.commands.executeCommand('satLab.showSweepResults', { kind: 'group', runs });
      for (;;) {
        await sleep(200);
        const document = vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === 'sat-lab-results');
        const text = document?.getText();
        if (text?.includes(has)) return text;
      }
    };
    const text = await shown('2 of 2 runs are completed.');
    assert.match(text, /^# two seeds\n\n2 of 2 runs are completed\.\n\n\|/);
    assert.match(
      text,
      /^\| test accuracy, best \| last \| n \|\n\|--:\|--:\|--:\|\n\| [\d.]+ ± [\d.]+ % \| .* \| 2 \|$/m,
    );
    // The runs of a file that has changed since are not its results, and are not passed over in silence.
    await sweepFile(place, 'two seeds', 128);
    assert.match(await shown('0 of 2 runs are completed.'), /another configuration, which are not counted: 2\./);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('that a lost window has left goes on by command', async function () {
    this.timeout(deadlineMilliseconds);
    const place = await open();
    const file = await sweepFile(place, 'left over', 128);
    await mkdir(join(place.runsFolder, '.sweeps'), { recursive: true });
    const record = {
      version: 1,
      group: 'left over',
      config: file.fsPath,
      settings: [],
      jobs: 1,
      process: { host: hostname(), bootId: 'an earlier start', pid: 1, startTime: '1' },
    };
    await writeFile(join(place.runsFolder, '.sweeps', 'left.json'), JSON.stringify(record));
    assert.equal((await unfinishedSweeps(place.runsFolder))[0]?.interrupted, true);
    await vscode.commands.executeCommand('satLab.resumeSweep');
    await untilCompleted(place, 'left over');
  });
});
