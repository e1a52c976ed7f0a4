import * as vscode from 'vscode';
import { formatDuration } from '../lab/format';
import type { Lab } from './lab';
import type { Sweeps } from './sweeps';

/** One item while something runs: how many, and how long still. A click opens the panel. */
export class StatusBar implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('satLab.running', vscode.StatusBarAlignment.Left);
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly lab: Lab,
    private readonly sweeps: Sweeps,
  ) {
    this.item.name = vscode.l10n.t('SAT Lab: running');
    this.item.command = 'satLab.openPanel';
    this.subscriptions = [
      this.item,
      lab.onDidChangeList(() => this.update()),
      lab.onDidChangeRun(() => this.update()),
      sweeps.onDidChange(() => this.update()),
    ];
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private update(): void {
    const running = this.lab.runs.filter(({ status }) => status === 'running');
    const [first] = running;
    if (!first) return this.item.hide();
    const { epoch, epochs } = first.progress;
    const [sweep, ...others] = this.sweeps.running.map(({ progress }) => progress);
    const left = Math.max(
      ...[...running.map(({ progress }) => progress), sweep].map((progress) => progress?.secondsLeft ?? 0),
    );
    const what =
      sweep && others.length === 0
        ? `${sweep.done}/${sweep.total}`
        : running.length === 1 && epochs !== undefined
          ? vscode.l10n.t('epoch {0}/{1}', epoch, epochs)
          : vscode.l10n.t('{0} running', running.length);
    this.item.text = `$(sync~spin) SAT: ${what}${left > 0 ? ` · ${formatDuration(left)}` : ''}`;
    this.item.tooltip = running.map(({ name }) => name).join('\n');
    this.item.show();
  }
}
