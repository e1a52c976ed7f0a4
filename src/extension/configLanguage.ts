import * as vscode from 'vscode';
import { parseConfig, type ConfigProblem } from '../lab/config';

const selector: vscode.DocumentSelector = { pattern: '**/*.sat.json', scheme: 'file' };
const settleMilliseconds = 300;

/** What the editor does for `*.sat.json` files besides the schema: a lens that runs them, and the lab's own checks. */
export class ConfigLanguage implements vscode.CodeLensProvider, vscode.Disposable {
  private readonly diagnostics = vscode.languages.createDiagnosticCollection('sat-lab');
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly subscriptions: vscode.Disposable[];

  constructor() {
    this.subscriptions = [
      this.diagnostics,
      vscode.languages.registerCodeLensProvider(selector, this),
      vscode.workspace.onDidOpenTextDocument((document) => this.check(document)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.check(document)),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.diagnostics.delete(uri)),
    ];
    for (const document of vscode.workspace.textDocuments) this.check(document);
  }

  /** What a click starts: one run, or as many as the sweep has. */
  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    const result = await parseConfig(document.getText(), document.fileName);
    const title =
      result.ok && result.isSweep
        ? `$(run-all) ${vscode.l10n.t('Run Sweep ({0} runs)', result.cells.length)}`
        : `$(play) ${vscode.l10n.t('Run')}`;
    const top = new vscode.Range(0, 0, 0, 0);
    return [new vscode.CodeLens(top, { command: 'satLab.startRunFromFile', title, arguments: [document.uri] })];
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private check(document: vscode.TextDocument): void {
    if (!document.fileName.endsWith('.sat.json') || document.uri.scheme !== 'file') return;
    clearTimeout(this.timers.get(document.fileName));
    this.timers.set(
      document.fileName,
      setTimeout(() => void this.report(document), settleMilliseconds),
    );
  }

  private async report(document: vscode.TextDocument): Promise<void> {
    const result = await parseConfig(document.getText(), document.fileName);
    if (document.isClosed) return;
    // VS Code's JSON support marks by the schema what stands in the file itself; twice would be noise.
    const problems = result.ok
      ? []
      : result.problems.filter(({ fromSchema, line }) => !fromSchema || line === undefined);
    this.diagnostics.set(
      document.uri,
      problems.map((problem) => diagnostic(document, problem)),
    );
  }
}

function diagnostic(document: vscode.TextDocument, { line = 0, column = 0, path, message }: ConfigProblem) {
  const start = new vscode.Position(line, column);
  const range = document.getWordRangeAtPosition(start, /"[^"]*"|[^\s,{}[\]]+/) ?? new vscode.Range(start, start);
  const made = new vscode.Diagnostic(range, path === '' ? message : `${path}: ${message}`);
  made.source = 'SAT Lab';
  return made;
}
