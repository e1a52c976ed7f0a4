import * as vscode from 'vscode';
import { formatBytes, formatDuration } from '../lab/format';
import type { Tools } from '../lab/launch';
import { installRuntime, removeRuntime } from '../lab/runtimeInstall/install';
import { describeStatus, readInstalled, runtimeStatus, whatRunsUse } from '../lab/runtimeInstall/installed';
import { thisMachine } from '../lab/runtimeInstall/machine';
import { phaseTitles, type InstallProgress } from '../lab/runtimeInstall/progress';
import { describeSizes, findSources, type Source } from '../lab/runtimeInstall/sources';
import { messageOf } from '../protocol/errors';
import { installedRuntimesFolder } from '../protocol/installedRuntime';

/** What is used here of the Python extension. */
interface PythonExtension {
  environments?: { getActiveEnvironmentPath(resource?: vscode.Uri): { path: string } };
}

/** "SAT: Install TensorFlow Runtime": one question, then progress that can be cancelled. */
export async function installRuntimeCommand(tools: Tools): Promise<void> {
  const folder = installedRuntimesFolder();
  try {
    const source = await pickSource();
    if (source) await install(folder, source, tools);
  } catch (error) {
    throw new Error(`${messageOf(error)} ${await whatRunsUse(folder)}`);
  }
}

async function pickSource(): Promise<Source | undefined> {
  const setting = vscode.workspace.getConfiguration('satLab').get<string>('python', '');
  const from = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const sources = findSources({
    machine: thisMachine(),
    preferred: [setting, await selectedInterpreter()].filter(Boolean),
    ...(from === undefined ? {} : { from }),
  });
  const items = sources.then((found) =>
    found.map((source) => ({ label: source.title, detail: describeSizes(source), source })),
  );
  const placeHolder = vscode.l10n.t('Where to take TensorFlow from, the best first');
  return (await vscode.window.showQuickPick(items, { placeHolder }))?.source;
}

async function selectedInterpreter(): Promise<string> {
  const python = vscode.extensions.getExtension<PythonExtension>('ms-python.python');
  if (!python) return '';
  const { environments } = await python.activate();
  return environments?.getActiveEnvironmentPath(vscode.workspace.workspaceFolders?.[0]?.uri).path ?? '';
}

async function install(folder: string, source: Source, tools: Tools): Promise<void> {
  const title = vscode.l10n.t('Installing {0}', source.title);
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  const record = await vscode.window.withProgress(options, async (progress, token) => {
    const abort = new AbortController();
    token.onCancellationRequested(() => abort.abort());
    try {
      const onProgress = (now: InstallProgress) => progress.report({ message: describeProgress(now) });
      return await installRuntime({ folder, source, machine: thisMachine(), tools, signal: abort.signal, onProgress });
    } catch (error) {
      if (abort.signal.aborted) return undefined;
      throw error;
    }
  });
  if (!record) {
    const kept = await whatRunsUse(folder);
    void vscode.window.showInformationMessage(vscode.l10n.t('Cancelled; nothing was changed. {0}', kept));
    return;
  }
  const { device, gpu, note } = record.smoke;
  const where = [gpu ?? device, note].filter(Boolean).join('; ');
  void vscode.window.showInformationMessage(
    vscode.l10n.t('TensorFlow {0} is installed ({1}).', record.tensorflow, where),
  );
}

function describeProgress({ phase, done, total, secondsLeft }: InstallProgress): string {
  if (done === undefined || total === undefined) return phaseTitles[phase];
  const left = secondsLeft === undefined ? '' : `, ${formatDuration(secondsLeft)} left`;
  return `${phaseTitles[phase]}: ${formatBytes(done)} of ${formatBytes(total)}${left}`;
}

/** "SAT: Remove TensorFlow Runtime" */
export async function removeRuntimeCommand(): Promise<void> {
  const folder = installedRuntimesFolder();
  const installed = await readInstalled(folder);
  if (!installed) {
    void vscode.window.showInformationMessage(vscode.l10n.t('TensorFlow is not installed.'));
    return;
  }
  const { tensorflow, sizeBytes } = installed.record;
  const question = vscode.l10n.t('Delete TensorFlow {0} ({1})?', tensorflow, formatBytes(sizeBytes));
  const detail = vscode.l10n.t('Runs then use the embedded runtime. {0}', installed.folder);
  const remove = vscode.l10n.t('Delete');
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, remove)) !== remove) return;
  await removeRuntime(folder);
  void vscode.window.showInformationMessage(vscode.l10n.t('TensorFlow is removed. Runs use the embedded runtime.'));
}

/** "SAT: Show TensorFlow Runtime": what is installed, and whether it works now. */
export async function showRuntimeCommand(tools: Tools): Promise<void> {
  const looking = { location: vscode.ProgressLocation.Notification, title: vscode.l10n.t('Looking at TensorFlow') };
  const status = await vscode.window.withProgress(looking, () => runtimeStatus(installedRuntimesFolder(), tools));
  const works = status.installed && status.problem === undefined;
  const install = vscode.l10n.t('Install');
  const lines = describeStatus(status).split('\n');
  const choice = await vscode.window.showInformationMessage(lines.join(' · '), ...(works ? [] : [install]));
  if (choice === install) await vscode.commands.executeCommand('satLab.installRuntime');
}
