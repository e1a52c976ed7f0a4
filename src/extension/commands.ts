import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { restoreEvaluation, stopEvaluation, trashEvaluation, type Evaluation } from '../lab/evaluate';
import { formatBytes } from '../lab/format';
import { resumeRun } from '../lab/launch';
import { differencesOf, rerun, rerunCommandLine, untilBegun, type Difference } from '../lab/rerun';
import type { Run } from '../lab/run';
import { stopRun } from '../lab/stop';
import { RuntimeGoneError } from '../lab/runtimePin';
import { runsFolderOf } from '../lab/store';
import { emptyTrash, restoreRun, trashContent, trashRun } from '../lab/trash';
import { messageOf } from '../protocol/errors';
import { evaluationFiles } from '../protocol/evaluation';
import { runFiles, type RunStatus } from '../protocol/run';
import { evaluateCommand, evaluationName, resumeEvaluation, type Target } from './evaluateCheckpoint';
import type { Lab } from './lab';
import type { PanelManager } from './panel';
import { installRuntimeCommand, removeRuntimeCommand, showRuntimeCommand } from './runtime';
import { createConfigFile, startFileCommand, startRunCommand, type Starter } from './startRun';
import { sweepOf, type NamedSweep } from './sweeps';
import type { SweepResults } from './sweepResults';
import type { Node, RunsTree } from './tree';

interface Parts extends Starter {
  tree: RunsTree;
  view: vscode.TreeView<Node>;
  panel: PanelManager;
  results: SweepResults;
}

/** Registers every command of the manifest. An error is shown in words; nothing fails in silence. */
export function registerCommands(parts: Parts): vscode.Disposable {
  const { lab, sweeps, tree, view, panel, results, state } = parts;
  const onEvaluation =
    (
      open: readonly RunStatus[],
      action: (one: OfRun<Evaluation>) => void | Promise<void>,
      { destroys = false }: { destroys?: boolean } = {},
    ) =>
    async (node?: unknown) => {
      const one = evaluationOf(node) ?? (await pickEvaluation(lab, open, destroys));
      if (one) await action(one);
    };
  const showInTree = async ({ run, checkpoint }: Target) => {
    if (!view.visible) return;
    // Only a convenience: the row may be hidden by the filter.
    await view.reveal(tree.checkpointNode(run, checkpoint), { expand: true, select: false }).then(undefined, () => {});
  };
  const onRun =
    (
      action: (run: Run) => void | Promise<void>,
      { may = () => true, destroys = false }: { may?: (run: Run) => boolean; destroys?: boolean } = {},
    ) =>
    async (node?: unknown) => {
      const run = runOf(node) ?? (await pickRun(lab, may, destroys));
      if (run) await action(run);
    };
  const started = async (run: Run | undefined) => {
    if (!run) return;
    await lab.refresh();
    panel.add(lab.get(run.folder) ?? run);
  };
  const commands: Record<string, (...args: unknown[]) => void | Promise<void>> = {
    startRun: async () => started(await startRunCommand(parts)),
    startRunFromFile: async (uri) => {
      const file = uri instanceof vscode.Uri ? uri : vscode.window.activeTextEditor?.document.uri;
      if (file?.fsPath.endsWith('.sat.json')) return started(await startFileCommand(parts, file));
      void vscode.window.showInformationMessage(vscode.l10n.t('Open a *.sat.json file first.'));
    },
    createConfigFile: () => createConfigFile(),
    openPanel: () => panel.open(),
    openRun: (node, selection) => {
      // VS Code passes a selection only where the row that was clicked is one of several. The palette names no row.
      const named = node === undefined ? view.selection : [node];
      const nodes = Array.isArray(selection) && selection.length > 0 ? selection : named;
      const runs = new Set(nodes.map(runOf).filter((run) => run !== undefined));
      panel.open(runs.size > 0 ? [...runs] : undefined);
    },
    stop: onRun((run) => withProgress(vscode.l10n.t('Stopping {0}', run.name), async () => stopRun(run)), {
      may: ({ status }) => status === 'running',
    }),
    resume: onRun(
      (run) =>
        withRuntime(async (runtime) => {
          await resumeRun(run, lab.tools, { runtime });
          await lab.look(run);
        }),
      {
        may: ({ status, hasCheckpoint }) => status !== 'running' && status !== 'completed' && hasCheckpoint,
      },
    ),
    rerun: onRun((run) =>
      withRuntime(async (runtime) => {
        const again = await rerun(run, lab.tools, runtime);
        await started(again.run);
        await untilBegun(again.run);
        sayDifferences(run, differencesOf(run, again.run));
      }),
    ),
    stopSweep: async (node) => {
      const runs = runsOfGroup(node);
      const picked = runs ? undefined : await pickSweep(sweeps.running.map((sweep) => ({ ...sweep.plan, sweep })));
      const chosen = runs ? sweeps.runningOf(runs) : picked ? [picked.sweep] : [];
      for (const sweep of chosen) {
        await withProgress(vscode.l10n.t('Stopping {0}', sweep.plan.group), () => sweep.stop());
      }
    },
    resumeSweep: async (node) => {
      const runs = runsOfGroup(node);
      const sweep = runs ? await sweeps.unfinishedOf(runs) : await pickSweep(await sweeps.unfinished());
      if (sweep) await sweeps.start(sweep);
    },
    showSweepResults: async (node) => {
      const [newest] = runsOfGroup(node) ?? [];
      const sweep = newest ? sweepOf(newest) : await pickSweep(await sweeps.all());
      if (sweep) await results.show(sweep);
    },
    delete: onRun(
      async (run) => {
        await trashRun(run);
        await lab.refresh();
        offerUndo(run.name, async () => {
          await restoreRun(runsFolderOf(run), run.id);
          await lab.refresh();
        });
      },
      { destroys: true },
    ),
    revealFolder: onRun((run) => void vscode.commands.executeCommand('revealInExplorer', vscode.Uri.file(run.folder))),
    copyAsCommand: onRun(async (run) => {
      await vscode.env.clipboard.writeText(rerunCommandLine(run));
      vscode.window.setStatusBarMessage(vscode.l10n.t('Copied the sat command'), 3000);
    }),
    showLog: onRun(async (run) => {
      const file = [runFiles.log, runFiles.metrics].map((name) => join(run.folder, name)).find(existsSync);
      if (file) await vscode.window.showTextDocument(vscode.Uri.file(file));
    }),
    evaluateCheckpoint: (node, selection) => {
      const nodes = Array.isArray(selection) && selection.length > 0 ? selection : [node];
      return evaluateCommand(
        lab,
        state,
        nodes.map(targetOf).filter((target) => target !== undefined),
        showInTree,
      );
    },
    stopEvaluation: onEvaluation(['running'], ({ evaluation }) => stopEvaluation(evaluation)),
    resumeEvaluation: onEvaluation(['stopped', 'failed', 'lost', 'queued'], ({ evaluation }) =>
      resumeEvaluation(lab, evaluation),
    ),
    deleteEvaluation: onEvaluation(
      ['completed', 'stopped', 'failed', 'lost', 'queued'],
      async ({ run, evaluation }) => {
        await trashEvaluation(evaluation);
        await lab.look(run);
        offerUndo(evaluationName(evaluation), async () => {
          await restoreEvaluation(evaluation);
          await lab.look(run);
        });
      },
      { destroys: true },
    ),
    revealEvaluation: onEvaluation([], ({ evaluation }) => {
      void vscode.commands.executeCommand('revealInExplorer', vscode.Uri.file(evaluation.folder));
    }),
    showEvaluationLog: onEvaluation([], async ({ evaluation: { folder } }) => {
      const files = [evaluationFiles.log, evaluationFiles.events].map((name) => join(folder, name));
      const file = files.find((name) => existsSync(name) && statSync(name).size > 0);
      if (file) await vscode.window.showTextDocument(vscode.Uri.file(file));
    }),
    filter: async () => {
      const text = await vscode.window.showInputBox({
        title: vscode.l10n.t('Filter Runs'),
        placeHolder: vscode.l10n.t('words of the label, the group or the status'),
        value: tree.filter,
      });
      if (text !== undefined) tree.filter = text;
    },
    clearFilter: () => {
      tree.filter = '';
    },
    refresh: () => lab.lookAtAll(),
    emptyTrash: () => emptyTrashes(lab.runsFolders),
    installRuntime: () => installRuntimeCommand(lab.tools),
    removeRuntime: () => removeRuntimeCommand(),
    showRuntime: () => showRuntimeCommand(lab.tools),
  };
  return vscode.Disposable.from(
    ...Object.entries(commands).map(([name, run]) =>
      vscode.commands.registerCommand(`satLab.${name}`, async (...args: unknown[]) => {
        try {
          await run(...args);
        } catch (error) {
          void vscode.window.showErrorMessage(messageOf(error));
        }
      }),
    ),
  );
}

function runOf(node: unknown): Run | undefined {
  // Commands come from the tree, the panel, notifications and the palette; only the first three name a run.
  if (typeof node !== 'object' || node === null || !('run' in node)) return undefined;
  return node.run as Run;
}

/** What a checkpoint's row in the tree stands for. */
function targetOf(node: unknown): Target | undefined {
  if (typeof node !== 'object' || node === null || !('kind' in node) || node.kind !== 'checkpoint') return undefined;
  const { run, checkpoint } = node as Extract<Node, { kind: 'checkpoint' }>;
  return { run, checkpoint };
}

interface OfRun<T> {
  run: Run;
  evaluation: T;
}

/** What an evaluation's row in the tree stands for. */
function evaluationOf(node: unknown): OfRun<Evaluation> | undefined {
  if (typeof node !== 'object' || node === null || !('kind' in node) || node.kind !== 'evaluation') return undefined;
  const { run, evaluation } = node as Extract<Node, { kind: 'evaluation' }>;
  return { run, evaluation };
}

/** @param open which may be meant */
async function pickEvaluation(
  lab: Lab,
  open: readonly RunStatus[],
  destroys: boolean,
): Promise<OfRun<Evaluation> | undefined> {
  await lab.load();
  const all = lab.runs.flatMap((run) => run.evaluations.map((evaluation) => ({ run, evaluation })));
  return pickOne(
    all.filter(({ evaluation }) => open.includes(evaluation.status)),
    ({ run, evaluation }) => ({ label: evaluationName(evaluation), description: run.name }),
    { which: vscode.l10n.t('Which evaluation?'), none: vscode.l10n.t('There is no such evaluation.'), destroys },
  );
}

/** The runs of a group in the tree; undefined for anything else. */
function runsOfGroup(node: unknown): Run[] | undefined {
  if (typeof node !== 'object' || node === null || !('kind' in node) || node.kind !== 'group') return undefined;
  return (node as Extract<Node, { kind: 'group' }>).runs;
}

/** Its file and settings tell a sweep from others of the same name. */
function pickSweep<T extends NamedSweep>(all: readonly T[]): Promise<T | undefined> {
  return pickOne(
    all,
    ({ group, config, settings }) => ({ label: group, description: [config, ...settings].join(' ') }),
    { which: vscode.l10n.t('Which sweep?'), none: vscode.l10n.t('There is no such sweep.') },
  );
}

/** What may keep a repeated run from giving the same numbers; nothing when all is as it was. */
function sayDifferences(run: Run, differences: readonly Difference[]): void {
  if (differences.length === 0) return;
  const shown = differences.slice(0, 4).map(({ what, then, now }) => `${what}: ${then} then, ${now} now`);
  const more = differences.length > shown.length ? [vscode.l10n.t('{0} more', differences.length - shown.length)] : [];
  void vscode.window.showInformationMessage(
    vscode.l10n.t('{0} runs again. Not as it was: {1}', run.name, [...shown, ...more].join('; ')),
  );
}

/** @param may which may be meant */
async function pickRun(lab: Lab, may: (run: Run) => boolean, destroys: boolean): Promise<Run | undefined> {
  await lab.load();
  return pickOne(lab.runs.filter(may), ({ name, status, id }) => ({ label: name, description: status, detail: id }), {
    which: vscode.l10n.t('Which run?'),
    none: vscode.l10n.t('There is no such run.'),
    destroys,
  });
}

/**
 * The only one, or the one that is chosen; what is destroyed is always chosen. It is also asked when a row is clicked in
 * the moment in which the tree renews it: VS Code then does not say which.
 */
async function pickOne<T>(
  all: readonly T[],
  describe: (one: T) => vscode.QuickPickItem,
  { which, none, destroys = false }: { which: string; none: string; destroys?: boolean },
): Promise<T | undefined> {
  const [only] = all;
  if (only === undefined) void vscode.window.showInformationMessage(none);
  if (all.length === 0 || (all.length === 1 && !destroys)) return only;
  const items = all.map((one) => ({ ...describe(one), one }));
  return (await vscode.window.showQuickPick(items, { placeHolder: which }))?.one;
}

/** Says that something is in the trash, and takes it back where that is wanted. */
function offerUndo(name: string, restore: () => Promise<void>): void {
  const undo = vscode.l10n.t('Undo');
  // Not awaited: the message may stay for as long as it likes.
  void vscode.window.showInformationMessage(vscode.l10n.t('{0} is in the trash.', name), undo).then(async (choice) => {
    try {
      if (choice === undo) await restore();
    } catch (error) {
      void vscode.window.showErrorMessage(messageOf(error));
    }
  });
}

/** Deletes for good what is in the trash of some runs folders, once that is confirmed. */
async function emptyTrashes(runsFolders: readonly string[]): Promise<void> {
  const contents = await Promise.all(runsFolders.map(trashContent));
  const runs = contents.reduce((sum, content) => sum + content.runs, 0);
  const bytes = contents.reduce((sum, content) => sum + content.bytes, 0);
  if (runs === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('There are no runs in the trash.'));
    return;
  }
  const empty = vscode.l10n.t('Empty Trash');
  const size = formatBytes(bytes);
  const question =
    runs === 1
      ? vscode.l10n.t('Delete the run in the trash for good ({0})?', size)
      : vscode.l10n.t('Delete the {0} runs in the trash for good ({1})?', runs, size);
  if ((await vscode.window.showWarningMessage(question, { modal: true }, empty)) !== empty) return;
  await withProgress(vscode.l10n.t('Emptying the trash'), async () => {
    for (const folder of runsFolders) await emptyTrash(folder);
  });
}

/** Does what needs the runtime of before; where that is gone, asks whether another may take its place. */
async function withRuntime(task: (runtime?: 'auto') => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof RuntimeGoneError)) throw error;
    const install = vscode.l10n.t('Install TensorFlow');
    const another = vscode.l10n.t('Use Another Runtime');
    const answer = await vscode.window.showWarningMessage(error.message, install, another);
    if (answer === install) await vscode.commands.executeCommand('satLab.installRuntime');
    if (answer === another) await task('auto');
  }
}

async function withProgress(title: string, task: () => Promise<void>): Promise<void> {
  await vscode.window.withProgress({ location: { viewId: 'satLab.runs' }, title }, task);
}
