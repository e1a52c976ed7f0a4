import { join } from 'node:path';
import * as vscode from 'vscode';
import { listDataSets, requireSound, type DataCheck } from '../lab/trainerQueries';
import type { Tools } from '../lab/launch';
import type { Run } from '../lab/run';
import { findRunsFolder } from '../lab/runsFolder';
import { RunsWatcher } from '../lab/watch';
import type { RunConfig } from '../protocol/config';

/** The window's view of all runs: follows the runs folders of every workspace folder, and tells of changes. */
export class Lab implements vscode.Disposable {
  private readonly listEmitter = new vscode.EventEmitter<void>();
  private readonly runEmitter = new vscode.EventEmitter<Run>();
  private readonly watcher = new RunsWatcher({
    onList: () => this.listEmitter.fire(),
    onRun: (run) => this.runEmitter.fire(run),
  });
  private readonly subscriptions: vscode.Disposable[];
  private loading: Promise<void> | undefined;
  /** False until the folders have been read once. */
  loaded = false;

  /** Runs appeared, went, or were read for the first time. */
  readonly onDidChangeList = this.listEmitter.event;
  readonly onDidChangeRun = this.runEmitter.event;
  readonly tools: Tools;

  constructor(context: vscode.ExtensionContext) {
    const { version } = context.extension.packageJSON as { version: string };
    this.tools = { node: process.execPath, dist: join(context.extensionPath, 'dist'), version };
    this.subscriptions = [
      this.listEmitter,
      this.runEmitter,
      this.watcher,
      vscode.workspace.onDidChangeWorkspaceFolders(() => void this.reload()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('satLab.runsFolder')) void this.reload();
      }),
    ];
  }

  /** Newest first. */
  get runs(): Run[] {
    return this.watcher.all();
  }

  get(key: string): Run | undefined {
    return this.watcher.get(key);
  }

  /** Where the runs of this window are kept. */
  get runsFolders(): string[] {
    const local = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
    return local.map((folder) => this.runsFolderOf(folder));
  }

  /** Reads the runs, once: activation must not wait for it. */
  load(): Promise<void> {
    this.loading ??= this.reload();
    return this.loading;
  }

  /** Looks at the folders again. */
  refresh(): Promise<void> {
    return this.watcher.scan();
  }

  /** Looks at the folders and all their runs again. */
  lookAtAll(): Promise<void> {
    return this.watcher.lookAtAll();
  }

  /** Looks at one run again. */
  look(run: Run): Promise<void> {
    return this.watcher.look(run);
  }

  /** Where a workspace folder keeps its runs. */
  runsFolderOf(folder: vscode.WorkspaceFolder): string {
    const setting = vscode.workspace.getConfiguration('satLab', folder).get<string>('runsFolder', '');
    return findRunsFolder({ explicit: setting || 'sat-runs', from: folder.uri.fsPath });
  }

  dataSets(): Promise<DataCheck[]> {
    return listDataSets(this.tools.node, join(this.tools.dist, 'trainer.js'));
  }

  /** Looks whether runs can start: data, noise, model, runtime. @throws FaultError when they cannot */
  async requireSound(configs: readonly RunConfig[]): Promise<void> {
    const title = vscode.l10n.t('Looking at the data');
    const options = { location: vscode.ProgressLocation.Window, title };
    await vscode.window.withProgress(options, () => requireSound(this.tools, configs));
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private async reload(): Promise<void> {
    await this.watcher.setFolders(this.runsFolders);
    this.loaded = true;
    this.listEmitter.fire();
  }
}
