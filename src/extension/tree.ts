import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { Evaluation } from '../lab/evaluate';
import { formatDuration, formatMetric, metricWords } from '../lab/format';
import { attackSettings, attackTitle, countWords, resultWords, strongestFirst, titlesApart } from '../lab/robustness';
import type { Run, RunCheckpoint } from '../lab/run';
import { sweepProgress } from '../lab/sweep';
import { escapeMarkdown } from '../lab/sweepTable';
import { noteOf, toldWarnings, warningsOf } from '../lab/warnings';
import type { EvaluationRecord } from '../protocol/evaluation';
import type { RunStatus } from '../protocol/run';
import { bestWords, groupOf, headlineWords, labelsByRun, stateWords } from './describe';
import { progressWords } from './evaluateCheckpoint';
import type { Lab } from './lab';
import type { Sweeps } from './sweeps';

interface GroupNode {
  kind: 'group';
  key: string;
  label: string;
  runs: Run[];
}
interface RunNode {
  kind: 'run';
  run: Run;
  group: GroupNode;
}
interface CheckpointNode {
  kind: 'checkpoint';
  run: Run;
  checkpoint: RunCheckpoint;
}
interface EvaluationNode {
  kind: 'evaluation';
  run: Run;
  checkpoint: RunCheckpoint;
  evaluation: Evaluation;
}
export type Node = GroupNode | RunNode | CheckpointNode | EvaluationNode;

const icons: Record<RunStatus, vscode.ThemeIcon> = {
  queued: new vscode.ThemeIcon('clock'),
  running: new vscode.ThemeIcon('sync~spin', new vscode.ThemeColor('charts.blue')),
  completed: new vscode.ThemeIcon('pass', new vscode.ThemeColor('testing.iconPassed')),
  failed: new vscode.ThemeIcon('error', new vscode.ThemeColor('testing.iconFailed')),
  stopped: new vscode.ThemeIcon('circle-slash', new vscode.ThemeColor('disabledForeground')),
  lost: new vscode.ThemeIcon('debug-disconnect', new vscode.ThemeColor('list.warningForeground')),
};

/** The run explorer: groups, their runs, and a run's checkpoints. */
export class RunsTree implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly emitter = new vscode.EventEmitter<Node | undefined>();
  private readonly subscriptions: vscode.Disposable[];
  private readonly nodes = new Map<Run, RunNode>();
  private groups: GroupNode[] = [];
  private labels = new Map<Run, string>();
  private filterText = '';

  readonly onDidChangeTreeData = this.emitter.event;

  constructor(
    private readonly lab: Lab,
    private readonly sweeps: Sweeps,
  ) {
    this.subscriptions = [
      this.emitter,
      lab.onDidChangeList(() => this.emitter.fire(undefined)),
      sweeps.onDidChange(() => this.groups.forEach((group) => this.emitter.fire(group))),
      // Only the row of that run is drawn anew, so that nothing moves under the pointer.
      lab.onDidChangeRun((run) => {
        const node = this.nodes.get(run);
        if (!node) return;
        this.emitter.fire(node);
        if (this.groups.includes(node.group)) this.emitter.fire(node.group);
      }),
    ];
  }

  get filter(): string {
    return this.filterText;
  }

  set filter(text: string) {
    this.filterText = text;
    void vscode.commands.executeCommand('setContext', 'satLab.filtered', text !== '');
    this.emitter.fire(undefined);
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  async getChildren(node?: Node): Promise<Node[]> {
    if (!node) {
      await this.lab.load();
      return this.roots();
    }
    if (node.kind === 'group') return node.runs.map((run) => this.nodeOf(run, node));
    if (node.kind === 'run') {
      return node.run.checkpoints.map((checkpoint) => ({ kind: 'checkpoint', run: node.run, checkpoint }));
    }
    if (node.kind === 'checkpoint') {
      const { run, checkpoint } = node;
      const evaluations = strongestFirst(run.evaluationsOf(checkpoint));
      return evaluations.map((evaluation) => ({ kind: 'evaluation', run, checkpoint, evaluation }));
    }
    return [];
  }

  getParent(node: Node): Node | undefined {
    if (node.kind === 'run') return this.groups.includes(node.group) ? node.group : undefined;
    if (node.kind === 'checkpoint') return this.nodes.get(node.run);
    return node.kind === 'evaluation' ? { ...node, kind: 'checkpoint' } : undefined;
  }

  getTreeItem(node: Node): vscode.TreeItem {
    switch (node.kind) {
      case 'group':
        return this.groupItem(node);
      case 'run':
        return this.runItem(node);
      case 'checkpoint':
        return checkpointItem(node);
      case 'evaluation':
        return evaluationItem(node);
    }
  }

  /** Where a checkpoint stands in the tree. */
  checkpointNode(run: Run, checkpoint: RunCheckpoint): Node {
    return { kind: 'checkpoint', run, checkpoint };
  }

  nodeFor(run: Run): RunNode | undefined {
    return this.nodes.get(run);
  }

  /** Groups of one run are that run itself. */
  private roots(): Node[] {
    const words = this.filterText.toLowerCase();
    this.labels = labelsByRun(this.lab.runs);
    this.nodes.clear();
    const groups = new Map<string, GroupNode>();
    for (const run of this.lab.runs) {
      const { key, label } = groupOf(run);
      const text = `${label} ${this.labels.get(run) ?? ''} ${run.name} ${run.status}`.toLowerCase();
      if (!text.includes(words)) continue;
      const group = groups.get(key) ?? { kind: 'group', key, label, runs: [] };
      group.runs.push(run);
      groups.set(key, group);
    }
    const roots = [...groups.values()].map((group) => {
      const [only] = group.runs;
      for (const run of group.runs) this.nodeOf(run, group);
      return group.runs.length === 1 && only && !sizeOf(group) ? this.nodeOf(only, group) : group;
    });
    this.groups = roots.filter((node) => node.kind === 'group');
    return roots;
  }

  private nodeOf(run: Run, group: GroupNode): RunNode {
    const known = this.nodes.get(run);
    if (known) return known;
    const node: RunNode = { kind: 'run', run, group };
    this.nodes.set(run, node);
    return node;
  }

  private groupItem(group: GroupNode): vscode.TreeItem {
    const { key, label, runs } = group;
    const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.Expanded);
    item.id = key;
    item.contextValue = 'group';
    const size = sizeOf(group);
    const ended = runs.filter(({ status }) => status !== 'running' && status !== 'queued').length;
    if (size === undefined) {
      item.description = ended === runs.length ? vscode.l10n.t('{0} runs', runs.length) : `${ended}/${runs.length}`;
      return item;
    }
    // One that this window works on knows its cells. Else all runs tell, those that the filter hides too.
    const [active] = this.sweeps.runningOf(runs);
    const ofGroup = () => this.lab.runs.filter((run) => groupOf(run).key === key);
    const { done, total, secondsLeft } = active?.progress ?? sweepProgress(ofGroup(), size);
    const left = secondsLeft === undefined ? [] : [vscode.l10n.t('{0} left', formatDuration(secondsLeft))];
    const count = done < total ? `${done}/${total}` : vscode.l10n.t('{0} runs', runs.length);
    item.description = [count, ...left].join(' · ');
    if (active) item.contextValue = 'sweep.running';
    else item.contextValue = done < total ? 'sweep.unfinished' : 'sweep.completed';
    return item;
  }

  private runItem({ run, group }: RunNode): vscode.TreeItem {
    const label = this.groups.includes(group) ? (this.labels.get(run) ?? run.name) : run.name;
    const item = new vscode.TreeItem(
      label,
      run.checkpoints.length > 0 ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None,
    );
    item.id = run.folder;
    const state = stateWords(run);
    item.description = [headlineWords(run), state || bestWords(run), evaluatingWords(run)]
      .filter((part) => part !== '')
      .join('  ');
    item.iconPath = icons[run.status];
    item.contextValue = `run.${run.status}`;
    item.accessibilityInformation = { label: `${label}, ${run.status}, ${item.description}` };
    item.tooltip = withWarnings(runTooltip(run), toldWarnings(run.log));
    item.command = { command: 'satLab.openRun', title: vscode.l10n.t('Open Run'), arguments: [{ kind: 'run', run }] };
    return item;
  }
}

/** "evaluating epoch-40": what is at work below a row that may be closed. */
function evaluatingWords(run: Run): string {
  const running = run.evaluations.filter(({ status }) => status === 'running');
  const names = running.map(({ checkpoint }) => basename(checkpoint, '.safetensors'));
  return names.length === 0 ? '' : vscode.l10n.t('evaluating {0}', [...new Set(names)].join(', '));
}

/** How many runs the sweep asks for that a group is of; undefined when it is of none. */
function sizeOf({ runs: [newest] }: GroupNode): number | undefined {
  return newest?.record?.groupSize ?? undefined;
}

/** How many results stand in a checkpoint's row; the others are below it. */
const resultsInRow = 2;

function checkpointItem({ run, checkpoint }: CheckpointNode): vscode.TreeItem {
  const label = checkpoint.name === 'best' ? `best (epoch ${checkpoint.epoch})` : checkpoint.name;
  const evaluations = strongestFirst(run.evaluationsOf(checkpoint));
  const item = new vscode.TreeItem(
    label,
    evaluations.length > 0 ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None,
  );
  item.id = checkpoint.path;
  const { headline } = run;
  const running = evaluations.filter(({ status }) => status === 'running');
  const results = evaluations.filter(({ record }) => record?.counts && record.attack.name !== 'none');
  const shown = results.slice(0, resultsInRow);
  const titles = titlesApart(shown.map(attackIn));
  const kept = existsSync(checkpoint.path);
  item.description = [
    ...(checkpoint.headline !== undefined && headline ? [formatMetric(headline, checkpoint.headline)] : []),
    ...running.map((evaluation) => `${titleOf(evaluation)} ${Math.floor(evaluation.doneShare * 100)} %…`),
    ...shown.map((evaluation, i) => `${titles[i] ?? ''} ${resultWords(evaluation)}`),
    ...(kept ? [] : [vscode.l10n.t('file not kept')]),
  ].join('  ');
  if (running.length > 0) item.iconPath = icons.running;
  else item.iconPath = new vscode.ThemeIcon(checkpoint.name === 'best' ? 'star-empty' : 'save');
  item.contextValue = kept ? 'checkpoint' : 'checkpoint.gone';
  item.accessibilityInformation = { label: `${label}, ${item.description}` };
  item.tooltip = checkpointTooltip(checkpoint, evaluations);
  return item;
}

function evaluationItem({ run, checkpoint, evaluation }: EvaluationNode): vscode.TreeItem {
  const { status, statusNote, id } = evaluation;
  const siblings = run.evaluationsOf(checkpoint);
  const settings = attackSettings(attackIn(evaluation));
  const title = titleOf(evaluation);
  const alone = siblings.filter((sibling) => titleOf(sibling) === title).length === 1;
  // What tells it from its siblings stands first; the usual norm does not.
  const label = alone ? title : `${title} ${settings.replace(/^L∞ /, '')}`;
  const item = new vscode.TreeItem(label);
  item.id = `${checkpoint.path}\n${id}`;
  item.description = [evaluationWords(evaluation), ...(alone ? [settings] : [])]
    .filter((part) => part !== '')
    .join('  ');
  const warnings = warningsOf(evaluation, siblings);
  item.iconPath =
    status === 'completed' && warnings.length > 0
      ? new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground'))
      : icons[status];
  item.contextValue = `evaluation.${status}`;
  const spoken = [label, status, item.description, ...warnings];
  item.accessibilityInformation = { label: spoken.join(', ') };
  const tooltip = evaluationTable([evaluation]);
  if (statusNote) tooltip.appendMarkdown('\n\n').appendText(`${status}: ${statusNote}`);
  item.tooltip = withNotes(withWarnings(tooltip, warnings), [noteOf(evaluation, siblings)]);
  return item;
}

function attackIn({ record }: Evaluation): EvaluationRecord['attack'] {
  return record?.attack ?? { name: '' };
}

function titleOf(evaluation: Evaluation): string {
  return attackTitle(attackIn(evaluation));
}

/** "41.2 % ± 3.0 of 1,000", "34 % · 41.3 % ± 2.1 so far · 3 min left", "stopped at 34 %". */
function evaluationWords(evaluation: Evaluation): string {
  const { status } = evaluation;
  switch (status) {
    case 'completed':
      return resultWords(evaluation);
    case 'running':
      return progressWords(evaluation);
    case 'queued':
      return vscode.l10n.t('not begun');
    default: {
      const done = Math.floor(evaluation.doneShare * 100);
      return done > 0 ? vscode.l10n.t('{0} at {1} %', status, done) : status;
    }
  }
}

function checkpointTooltip({ path }: RunCheckpoint, evaluations: readonly Evaluation[]): vscode.MarkdownString {
  const complete = evaluations.filter(({ record }) => record?.counts);
  if (complete.length === 0) return new vscode.MarkdownString().appendText(path);
  const text = evaluationTable(complete);
  const warnings = complete.flatMap((evaluation) => warningsOf(evaluation, complete));
  const notes = complete.map((evaluation) => noteOf(evaluation, complete));
  return withNotes(withWarnings(text, [...new Set(warnings)]), notes)
    .appendMarkdown('\n\n')
    .appendText(path);
}

/** Counts and the 95 % interval of each. */
function evaluationTable(evaluations: readonly Evaluation[]): vscode.MarkdownString {
  const text = new vscode.MarkdownString(undefined, true);
  const heads = [
    vscode.l10n.t('Attack'),
    vscode.l10n.t('Settings'),
    vscode.l10n.t('Robust'),
    vscode.l10n.t('95 % interval'),
    vscode.l10n.t('Natural'),
    vscode.l10n.t('Images'),
  ];
  text.appendMarkdown(`| ${heads.join(' | ')} |\n|---|---|--:|--:|--:|--:|\n`);
  for (const evaluation of evaluations) {
    const { record, robust } = evaluation;
    const counts = record?.counts;
    const percent = (share: number) => (share * 100).toFixed(1);
    const cells = [
      titleOf(evaluation),
      attackSettings(attackIn(evaluation)),
      robust ? `${percent(robust.share)} %` : '',
      robust ? `${robust.interval.map(percent).join(' – ')} %` : '',
      counts ? `${percent(counts.correct / counts.total)} %` : '',
      counts ? countWords(counts.total) : '',
    ];
    text.appendMarkdown(`| ${cells.map(escapeMarkdown).join(' | ')} |\n`);
  }
  return text;
}

function withWarnings(text: vscode.MarkdownString, warnings: readonly string[]): vscode.MarkdownString {
  for (const warning of warnings.slice(0, warningsShown))
    text.appendMarkdown(`\n\n$(warning) ${escapeMarkdown(warning)}`);
  return text;
}

function withNotes(text: vscode.MarkdownString, notes: readonly (string | undefined)[]): vscode.MarkdownString {
  for (const note of new Set(notes)) if (note !== undefined) text.appendMarkdown(`\n\n${escapeMarkdown(note)}`);
  return text;
}

/** Many evaluations of one checkpoint contradict each other alike. */
const warningsShown = 3;

function runTooltip(run: Run): vscode.MarkdownString {
  const { record, runtime } = run;
  const text = new vscode.MarkdownString('', true);
  text.appendMarkdown(`**`).appendText(run.name).appendMarkdown(`**\n\n| | |\n|---|---|\n`);
  const row = (name: string, value: string) => {
    if (value !== '')
      text.appendMarkdown(`| ${name} | `).appendText(value.replace(/[|\n]/g, ' ')).appendMarkdown(' |\n');
  };
  row(vscode.l10n.t('Status'), [run.status, run.statusNote ?? ''].filter((part) => part !== '').join(': '));
  for (const metric of run.series.keys()) {
    const [last, best] = [run.latest(metric), run.best(metric)];
    if (last && best && /accuracy|recovery/.test(metric)) {
      row(metricWords(metric), `${formatMetric(metric, last.value)}, best ${formatMetric(metric, best.value)}`);
    }
  }
  const config = record?.config ?? {};
  for (const key of ['method', 'data', 'model', 'optimizer'])
    row(key, JSON.stringify(config[key] ?? '').replace(/["{}]/g, ' '));
  row(vscode.l10n.t('Runtime'), runtime ?? '');
  row(vscode.l10n.t('Created'), record ? new Date(record.created).toLocaleString() : '');
  row(
    vscode.l10n.t('Commit'),
    record?.git ? `${record.git.commit.slice(0, 10)}${record.git.dirty ? ', dirty' : ''}` : '',
  );
  row(vscode.l10n.t('Folder'), run.folder);
  return text;
}
