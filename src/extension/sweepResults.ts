import * as vscode from 'vscode';
import * as z from 'zod';
import type { Sweep } from '../lab/sweep';
import { escapeMarkdown, markdownTable, sweepTable, tableWords } from '../lab/sweepTable';
import { messageOf } from '../protocol/errors';
import type { NamedSweep, Sweeps } from './sweeps';

const scheme = 'sat-lab-results';
const sweepSchema = z.object({
  group: z.string(),
  config: z.string(),
  settings: z.array(z.string()),
  runsFolder: z.string(),
});

/** A table that is shown follows its sweep at this pace, in milliseconds. */
const pace = 1000;

/** What sweeps came to: a table for each, as a preview in Markdown, and a message at the end of one. */
export class SweepResults implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly emitter = new vscode.EventEmitter<vscode.Uri>();
  private readonly subscriptions: vscode.Disposable[];
  private timer: NodeJS.Timeout | undefined;

  readonly onDidChange = this.emitter.event;

  constructor(private readonly sweeps: Sweeps) {
    this.subscriptions = [
      this.emitter,
      vscode.workspace.registerTextDocumentContentProvider(scheme, this),
      sweeps.onDidChange(() => (this.timer ??= setTimeout(() => this.renew(), pace))),
      sweeps.onDidEnd((sweep) => void this.sayEnd(sweep)),
    ];
  }

  async show({ group, config, settings, runsFolder }: NamedSweep): Promise<void> {
    const query = JSON.stringify({ group, config, settings, runsFolder });
    // The name stands in the title; a slash in it is no folder.
    const uri = vscode.Uri.from({ scheme, path: `/${group.replaceAll('/', '-')}.md`, query });
    this.emitter.fire(uri);
    try {
      await vscode.commands.executeCommand('markdown.showPreview', uri);
    } catch {
      // Without VS Code's own Markdown extension the text will do.
      await vscode.window.showTextDocument(uri);
    }
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const sweep = sweepSchema.parse(JSON.parse(uri.query));
    try {
      const cells = await this.sweeps.cellsOf(sweep);
      const done = cells.filter(({ state }) => state === 'completed').length;
      const beside = this.sweeps.runsBeside(sweep, cells).length;
      return [
        `# ${escapeMarkdown(sweep.group)}`,
        vscode.l10n.t('{0} of {1} runs are completed.', done, cells.length),
        ...(beside === 0
          ? []
          : [
              vscode.l10n.t(
                'Runs of this name with another configuration, which are not counted: {0}. The file or its settings have changed since they were made.',
                beside,
              ),
            ]),
        markdownTable(tableWords(sweepTable(cells))),
        vscode.l10n.t(
          'Mean ± sample standard deviation over the n completed runs of a row. Best: of the epoch that is best on the test set itself; last: after the last epoch.',
        ),
        escapeMarkdown([sweep.config, ...sweep.settings].join(' ')),
      ].join('\n\n');
    } catch (error) {
      return escapeMarkdown(messageOf(error));
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private renew(): void {
    this.timer = undefined;
    const shown = vscode.workspace.textDocuments.filter(({ uri }) => uri.scheme === scheme);
    for (const { uri } of shown) this.emitter.fire(uri);
  }

  /** One message for all its runs; none when somebody stopped it and so knows. */
  private async sayEnd({ plan, cells, stopped, progress }: Sweep): Promise<void> {
    if (stopped) return;
    const { done, total } = progress;
    const show = vscode.l10n.t('Show Results');
    const why = cells.find(({ problem }) => problem !== undefined)?.problem;
    const message = vscode.l10n.t('{0}: {1} of {2} runs are completed.', plan.group, done, total);
    const answer =
      done === total
        ? vscode.window.showInformationMessage(
            vscode.l10n.t('{0}: all {1} runs are completed.', plan.group, total),
            show,
          )
        : vscode.window.showWarningMessage(why === undefined ? message : `${message} ${why}`, show);
    if ((await answer) === show) await this.show(plan);
  }
}
