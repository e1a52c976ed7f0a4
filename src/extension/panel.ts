import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { Run } from '../lab/run';
import { Channel } from '../protocol/channel';
import { panelStateSchema, toHostSchema, type ToHost, type ToWebview } from '../protocol/panel';
import { labelsFor, viewOf, type RunLabels } from './describe';
import type { Lab } from './lab';
import { SentSeries } from './points';

export const panelType = 'satLab.panel';

/** Runs that a panel shows when nothing was chosen: the newest ones. */
const shownAtFirst = 6;

/** Changes of a run that come thick are put together for this long, so that the host stays free. */
const gatherMilliseconds = 60;

/** The one panel of a window, made when it is asked for. */
export class PanelManager implements vscode.Disposable, vscode.WebviewPanelSerializer {
  private panel: Panel | undefined;
  private readonly registration: vscode.Disposable;

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly lab: Lab,
  ) {
    this.registration = vscode.window.registerWebviewPanelSerializer(panelType, this);
  }

  /** Whether the panel is in view and draws this run. */
  shows(run: Run): boolean {
    return this.panel?.shows(run) ?? false;
  }

  /** Shows the panel with these runs, or with what it showed before. */
  open(runs?: readonly Run[]): void {
    const selected = runs?.map(({ folder }) => folder);
    if (this.panel) this.panel.show(selected);
    else {
      const webview = vscode.window.createWebviewPanel(panelType, 'SAT Lab', vscode.ViewColumn.Active);
      this.attach(webview, selected);
    }
  }

  /** Shows a new run beside those that are shown already. */
  add(run: Run): void {
    if (this.panel) this.panel.add(run.folder);
    else this.open([run]);
  }

  deserializeWebviewPanel(webview: vscode.WebviewPanel, state: unknown): Promise<void> {
    const restored = panelStateSchema.safeParse(state);
    this.attach(webview, restored.success ? restored.data.selected : undefined);
    return Promise.resolve();
  }

  dispose(): void {
    this.registration.dispose();
    this.panel?.dispose();
  }

  private attach(webview: vscode.WebviewPanel, selected: readonly string[] | undefined): void {
    this.panel?.dispose();
    const panel = new Panel(webview, this.extensionUri, this.lab, selected);
    this.panel = panel;
    webview.onDidDispose(() => {
      panel.dispose();
      if (this.panel === panel) this.panel = undefined;
    });
  }
}

/** One webview: it is sent the runs, and the points of those that are selected, and again after every reload. */
class Panel implements vscode.Disposable {
  private readonly channel: Channel<ToHost, ToWebview>;
  private readonly subscriptions: vscode.Disposable[];
  private readonly waiting = new Set<Run>();
  private sent = new Map<string, SentSeries>();
  private timer: NodeJS.Timeout | undefined;
  private ready = false;
  private labels: RunLabels = { inGroup: new Map(), amongShown: new Map() };

  constructor(
    private readonly panel: vscode.WebviewPanel,
    extensionUri: vscode.Uri,
    private readonly lab: Lab,
    private selected: readonly string[] | undefined,
  ) {
    const dist = vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
    panel.webview.options = { enableScripts: true, localResourceRoots: [dist] };
    this.channel = new Channel<ToHost, ToWebview>({
      post: (envelope) => void panel.webview.postMessage(envelope),
      incoming: toHostSchema,
      handle: (message) => this.handle(message),
      onError: (message) => console.error(`SAT Lab panel: ${message}`),
    });
    this.subscriptions = [
      panel.webview.onDidReceiveMessage((data: unknown) => void this.channel.receive(data)),
      lab.onDidChangeList(() => this.sendRuns()),
      lab.onDidChangeRun((run) => this.changed(run)),
      // A hidden webview gets no messages: it is loaded anew when shown, and asks for everything.
      panel.onDidChangeViewState(() => (this.ready &&= panel.visible)),
    ];
    panel.webview.html = html(panel.webview, dist);
  }

  shows(run: Run): boolean {
    return this.panel.visible && this.shown().includes(run);
  }

  show(selected: readonly string[] | undefined): void {
    this.panel.reveal();
    if (selected) this.select(selected);
  }

  add(folder: string): void {
    this.show([...this.shown().map((run) => run.folder), folder]);
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const subscription of this.subscriptions) subscription.dispose();
    this.panel.dispose();
  }

  private async handle(message: ToHost): Promise<void> {
    switch (message.type) {
      case 'ready':
        this.ready = true;
        this.sent = new Map();
        this.sendRuns();
        if (this.lab.loaded) return;
        await this.lab.load();
        this.sendRuns();
        return;
      case 'select': {
        this.select(message.runs);
        return;
      }
      case 'action': {
        const run = message.run === undefined ? undefined : this.lab.get(message.run);
        const commands = {
          start: 'satLab.startRun',
          stop: 'satLab.stop',
          resume: 'satLab.resume',
          log: 'satLab.showLog',
          reveal: 'satLab.revealFolder',
        } as const;
        await vscode.commands.executeCommand(commands[message.action], run && { kind: 'run', run });
      }
    }
  }

  private select(folders: readonly string[]): void {
    this.selected = [...new Set(folders)];
    this.sendRuns();
  }

  private shown(): Run[] {
    const { runs } = this.lab;
    if (!this.selected) return runs.slice(0, shownAtFirst);
    return this.selected.map((folder) => this.lab.get(folder)).filter((run) => run !== undefined);
  }

  private sendRuns(): void {
    if (!this.ready) return;
    const shown = this.shown();
    this.labels = labelsFor(this.lab.runs, shown);
    this.channel.send({
      type: 'runs',
      runs: this.lab.runs.map((run) => viewOf(run, this.labels)),
      selected: shown.map(({ folder }) => folder),
      reading: !this.lab.loaded,
    });
    const keys = new Set(shown.map(({ folder }) => folder));
    for (const key of this.sent.keys()) if (!keys.has(key.split('\n')[0] ?? '')) this.sent.delete(key);
    for (const run of shown) this.sendPoints(run);
  }

  private changed(run: Run): void {
    if (!this.ready) return;
    this.waiting.add(run);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      for (const changed of this.waiting) {
        this.channel.send({ type: 'run', run: viewOf(changed, this.labels) });
        if (this.shown().includes(changed)) this.sendPoints(changed);
      }
      this.waiting.clear();
    }, gatherMilliseconds);
  }

  private sendPoints(run: Run): void {
    const { drawnSeries } = run;
    for (const key of this.sent.keys()) {
      const [folder, metric = ''] = key.split('\n');
      if (folder !== run.folder || drawnSeries.has(metric)) continue;
      // An evaluation was deleted, or another ε took its curve's name.
      this.sent.delete(key);
      const none = new Float64Array();
      this.channel.send({ type: 'points', run: run.folder, metric, from: 0, steps: none, values: none });
    }
    for (const [metric, series] of drawnSeries) {
      const key = `${run.folder}\n${metric}`;
      const sent = this.sent.get(key) ?? new SentSeries();
      this.sent.set(key, sent);
      const points = sent.next(series);
      if (points) this.channel.send({ type: 'points', run: run.folder, metric, ...points });
    }
  }
}

function html(webview: vscode.Webview, dist: vscode.Uri): string {
  const nonce = randomBytes(16).toString('base64');
  const uri = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(dist, name)).toString();
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `font-src ${webview.cspSource}`,
    `img-src ${webview.cspSource} data:`,
  ].join('; ');
  // FAST, under the toolkit, takes the nonce for its style elements from the property csp-nonce.
  return `<!DOCTYPE html>
<html lang="${vscode.env.language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta property="csp-nonce" content="${nonce}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${uri('codicon.css')}">
<link rel="stylesheet" href="${uri('panel.css')}">
<title>SAT Lab</title>
</head>
<body><sat-panel></sat-panel><script nonce="${nonce}" src="${uri('panel.js')}"></script></body>
</html>`;
}
