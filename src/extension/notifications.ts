import * as vscode from 'vscode';
import type { Evaluation } from '../lab/evaluate';
import { compareRuns, repetitionWords } from '../lab/rerun';
import { resultWords } from '../lab/robustness';
import type { Run } from '../lab/run';
import { warningsOf } from '../lab/warnings';
import type { RunStatus } from '../protocol/run';
import { headlineWords, stateWords } from './describe';
import { evaluationName } from './evaluateCheckpoint';
import type { Lab } from './lab';

/**
 * Says once when a run or an evaluation that was seen running, or a run that began since the window opened, ends or
 * fails, unless the panel is in view and shows it anyway.
 */
export class Notifications implements vscode.Disposable {
  private readonly seen = new Map<string, RunStatus>();
  private readonly opened = Date.now();
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly lab: Lab,
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
    for (const evaluation of run.evaluations) this.lookAt(evaluation, run);
    // A run that fails at once may have ended before it was first looked at.
    const began = Date.parse(run.record?.created ?? '') >= this.opened ? 'running' : undefined;
    const before = this.seen.get(run.folder) ?? began;
    if (run.record) this.seen.set(run.folder, run.status);
    if (before !== 'running' || run.status === 'running') return;
    if (run.status === 'completed' && this.saidWhetherRepeated(run)) return;
    if (this.shownInPanel(run)) return;
    if (run.status === 'completed') {
      // A sweep tells of its end once, for all its runs.
      if (run.record?.groupSize !== null) return;
      void this.completed(run);
    } else if (run.status === 'failed' || run.status === 'lost') {
      void this.failed(run);
    }
  }

  private lookAt(evaluation: Evaluation, run: Run): void {
    const { folder, status } = evaluation;
    const before = this.seen.get(folder);
    this.seen.set(folder, status);
    if (before !== 'running') return;
    const name = evaluationName(evaluation);
    if (status === 'completed') {
      const warnings = warningsOf(evaluation, run.evaluations);
      const message = vscode.l10n.t('{0}: {1} of {2}', name, resultWords(evaluation), run.name);
      // In view the panel shows the result, but not what is to be said against it.
      if (warnings.length > 0) void vscode.window.showWarningMessage(`${message}. ${warnings.join(' ')}`);
      else if (!this.shownInPanel(run)) void vscode.window.showInformationMessage(message);
    } else if (status === 'stopped') {
      void this.offerResume(evaluation, run);
    } else if (status === 'failed' || status === 'lost') {
      void this.evaluationFailed(evaluation, run);
    }
  }

  /** Whether a run gives the numbers of the one that it repeats; the panel does not show that. */
  private saidWhetherRepeated(run: Run): boolean {
    const original = this.lab.runs.find(({ id }) => id === run.record?.rerunOf);
    if (!original) return false;
    const words = repetitionWords(original.id, compareRuns(original, run));
    void vscode.window.showInformationMessage(vscode.l10n.t('{0}: completed. {1}', run.name, words));
    return true;
  }

  private async offerResume(evaluation: Evaluation, run: Run): Promise<void> {
    const resume = vscode.l10n.t('Resume');
    const message = vscode.l10n.t('{0} was stopped. What is done is kept.', evaluationName(evaluation));
    if ((await vscode.window.showInformationMessage(message, resume)) === resume) {
      await vscode.commands.executeCommand('satLab.resumeEvaluation', { kind: 'evaluation', run, evaluation });
    }
  }

  private async evaluationFailed(evaluation: Evaluation, run: Run): Promise<void> {
    const log = vscode.l10n.t('Show Log');
    const { status, statusNote } = evaluation;
    const why = statusNote === undefined ? status : `${status}: ${statusNote}`;
    if ((await vscode.window.showErrorMessage(`${evaluationName(evaluation)}: ${why}`, log)) === log) {
      await vscode.commands.executeCommand('satLab.showEvaluationLog', { kind: 'evaluation', run, evaluation });
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
