import { performance } from 'node:perf_hooks';
import * as vscode from 'vscode';
import { registerCommands } from './commands';
import { ConfigLanguage } from './configLanguage';
import { DataFolders } from './dataFolders';
import { Lab } from './lab';
import { Notifications } from './notifications';
import { PanelManager } from './panel';
import { StatusBar } from './statusBar';
import { SweepResults } from './sweepResults';
import { Sweeps } from './sweeps';
import { RunsTree } from './tree';

/** What the extension gives to others, tests among them. */
export interface SatLabApi {
  /** How long activation took, in milliseconds. */
  activationMilliseconds: number;
  lab: Lab;
}

export function activate(context: vscode.ExtensionContext): SatLabApi {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  const lab = new Lab(context);
  const sweeps = new Sweeps(lab);
  const tree = new RunsTree(lab, sweeps);
  const view = vscode.window.createTreeView('satLab.runs', { treeDataProvider: tree, canSelectMany: true });
  const results = new SweepResults(sweeps);
  const dataFolders = new DataFolders(context.globalState);
  const panel = new PanelManager(context.extensionUri, lab);
  context.subscriptions.push(
    lab,
    sweeps,
    tree,
    view,
    panel,
    new StatusBar(lab, sweeps),
    new Notifications(lab, (run) => panel.shows(run)),
    new ConfigLanguage(),
    results,
    registerCommands({ lab, sweeps, dataFolders, tree, view, panel, results, state: context.workspaceState }),
  );
  // The status bar and notifications need the runs also when the tree is not in view; reading them waits its turn.
  setImmediate(() => {
    void lab.load();
    void sweeps.offerInterrupted();
  });
  // Without the time in which a busy machine lets other processes run.
  const { user, system } = process.cpuUsage(cpu);
  return { activationMilliseconds: Math.min(performance.now() - start, (user + system) / 1000), lab };
}
