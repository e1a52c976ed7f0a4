import * as vscode from 'vscode';
import type { Run } from '../lab/run';
import type { RunStatus } from '../protocol/run';
import { headlineWords, stateWords } from './describe';
import type { Lab } from './lab';

/** Says once when a run that was seen running ends or fails, unless the panel is in view and shows it anyway. */
export class Notifications implements vscode.Disposable {
  private readonly seen = new Map<string, RunStatus>();
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    lab: Lab,
    private readonly shownInPanel: (run: Run) => boolean,
  ) {
    this.subscriptions = [
      lab.onDidChangeList(() => lab.runs.forEach((run) => this.look(run))),
      lab.onDidChangeRun((run) => this.look(run)),
    ];
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private look(run: Run): void {
    const before = this.seen.get(run.folder);
    this.seen.set(run.folder, run.status);
    if (before !== 'running' || run.status === 'running' || this.shownInPanel(run)) return;
    if (run.status === 'completed') {
      // A sweep tells of its end once, for all its runs.
      if (run.record?.groupSize !== null) return;
      void this.completed(run);
    } else if (run.status === 'failed' || run.status === 'lost') {
      void this.failed(run);
    }
  }

  private async completed(run: Run): Promise<void> {
    const open = vscode.l10n.t('Open Panel');
    const message = vscode.l10n.t('{0}: completed, {1}', run.name, headlineWords(run));
    if ((await vscode.window.showInformationMessage(message, open)) === open) {
      await vscode.commands.executeCommand('satLab.openRun', { kind: 'run', run });
    }
  }

  private async failed(run: Run): Promise<void> {
    const log = vscode.l10n.t('Show Log');
    if ((await vscode.window.showErrorMessage(`${run.name}: ${stateWords(run)}`, log)) === log) {
      await vscode.commands.executeCommand('satLab.showLog', { kind: 'run', run });
    }
  }
}
