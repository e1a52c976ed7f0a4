import * as vscode from 'vscode';
import { formatProblem, loadConfigFile, resolveConfig } from '../lab/config';
import { dataSources } from '../lab/dataDownload/sources';
import { describeConfig } from '../lab/labels';
import { startRun } from '../lab/launch';
import { listPresets, presetName, presetReference } from '../lab/presets';
import type { Run } from '../lab/run';
import { startConfig, type StartAnswers } from '../lab/startRun';
import { FaultError } from '../lab/trainerQueries';
import { dataSchema, type DataSetName } from '../protocol/data';
import { methodTitles, type MethodName } from '../protocol/methods';
import type { DataFolders } from './dataFolders';
import type { Lab } from './lab';
import { lastChoices, rememberChoices, type Choices } from './memory';
import { askStep, back, type Step } from './quickPickSteps';
import type { Sweeps } from './sweeps';

const steps = 4;

/** Asks for a folder when none is open; runs need a place. */
async function workspaceFolder(): Promise<vscode.WorkspaceFolder | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (folders.length === 1) return folders[0];
  if (folders.length > 1)
    return vscode.window.showWorkspaceFolderPick({ placeHolder: vscode.l10n.t('Where to keep the run') });
  const open = vscode.l10n.t('Open Folder');
  const message = vscode.l10n.t('Runs are kept in a folder of the workspace. Open one, then start the run.');
  if ((await vscode.window.showInformationMessage(message, open)) === open) {
    await vscode.commands.executeCommand('vscode.openFolder');
  }
  return undefined;
}

/** Launching executes what the workspace says; browsing does not. @returns whether it may go on */
export async function trusted(
  message = vscode.l10n.t('Starting a run needs a trusted workspace. Runs can be looked at without.'),
): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const manage = vscode.l10n.t('Manage Trust');
  if ((await vscode.window.showWarningMessage(message, manage)) === manage) {
    await vscode.commands.executeCommand('workbench.trust.manage');
  }
  return false;
}

/** What starting a run takes. */
export interface Starter {
  lab: Lab;
  sweeps: Sweeps;
  dataFolders: DataFolders;
  /** Of the workspace. */
  state: vscode.Memento;
}

/** "SAT: Start Run": four short questions, each with a sensible answer on top. */
export async function startRunCommand(starter: Starter): Promise<Run | undefined> {
  if (!(await trusted())) return undefined;
  const folder = await workspaceFolder();
  if (!folder) return undefined;
  const { lab, state } = starter;
  const answers = await ask(starter, lastChoices(state));
  if (!answers) return undefined;
  if ('preset' in answers) return startReference(starter, folder, presetReference(answers.preset));
  await rememberChoices(state, answers.choices);
  const config = startConfig(answers.choices);
  if (answers.action === 'edit') {
    await editAsFile(config);
    return undefined;
  }
  const resolved = resolveConfig(config);
  await lab.requireSound([resolved]);
  return startRun({ runsFolder: lab.runsFolderOf(folder), config: resolved }, lab.tools);
}

/** Starts what a `*.sat.json` file asks for, a run or a sweep. @throws Error in words when it is not sound */
export async function startFileCommand(starter: Starter, file: vscode.Uri): Promise<Run | undefined> {
  if (!(await trusted())) return undefined;
  await vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === file.toString())?.save();
  const folder = vscode.workspace.getWorkspaceFolder(file) ?? (await workspaceFolder());
  return folder && startReference(starter, folder, file.fsPath);
}

/**
 * Starts a file or a preset. Where the data are not there, the folder of the last time is tried, then one is asked for.
 * @param reference a file's path or `preset:NAME`
 * @returns the run; undefined when it was a sweep that was started, or nothing
 */
async function startReference(
  starter: Starter,
  folder: vscode.WorkspaceFolder,
  reference: string,
): Promise<Run | undefined> {
  const { dataFolders } = starter;
  const file = presetName(reference) === undefined ? vscode.Uri.file(reference) : undefined;
  let root: string | undefined;
  for (;;) {
    try {
      return await startWithData(starter, folder, reference, root);
    } catch (error) {
      const dataSet = error instanceof FaultError ? error.dataSet : undefined;
      if (!(error instanceof Error) || dataSet === undefined) throw error;
      const known = root === undefined ? dataFolders.known(dataSet) : undefined;
      root = known ?? (await dataFolders.pickAfter(error.message, dataSet, file));
      if (root === undefined) return undefined;
    }
  }
}

/** @param root in place of what the configuration says */
async function startWithData(
  { lab, sweeps, dataFolders }: Starter,
  folder: vscode.WorkspaceFolder,
  reference: string,
  root: string | undefined,
): Promise<Run | undefined> {
  const settings = root === undefined ? [] : [`data.root=${root}`];
  const result = await loadConfigFile(reference, settings);
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('; '));
  const runsFolder = lab.runsFolderOf(folder);
  const [cell] = result.cells;
  if (!cell) return undefined;
  const remember = async () => {
    if (root !== undefined) await dataFolders.remember(cell.config.data.name, root);
  };
  if (result.isSweep) {
    await sweeps.start({ config: reference, settings, runsFolder });
    await remember();
    return undefined;
  }
  await lab.requireSound([cell.config]);
  await remember();
  const { config, hash } = cell;
  return startRun({ runsFolder, config, configFile: reference, settings, cell: hash }, lab.tools);
}

async function editAsFile(config: object): Promise<void> {
  const content = `${JSON.stringify({ version: 1, ...config }, null, 2)}\n`;
  const folder = vscode.workspace.workspaceFolders?.[0];
  const file = folder && vscode.Uri.joinPath(folder.uri, `run-${Date.now()}.sat.json`);
  if (!file) {
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language: 'json', content }));
    return;
  }
  await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(content));
  await vscode.window.showTextDocument(file);
}

/** Makes a configuration file with every common setting, and opens it. */
export async function createConfigFile(): Promise<void> {
  await editAsFile(startConfig({ dataSet: 'digits', rate: 0.4, method: 'sat', epochs: 40 }));
}

type Outcome = { choices: StartAnswers; action: Start['action'] } | { preset: string } | undefined;

async function ask(starter: Starter, last: Choices): Promise<Outcome> {
  const title = vscode.l10n.t('Start Run');
  const dataSets = starter.lab.dataSets();
  const answers: StartAnswers = { dataSet: 'digits', rate: 0.4, method: 'sat', epochs: 40 };
  let action: Start['action'] = 'start';
  /** Asks one question, and keeps its answer. */
  const question = async <T>(step: number, what: Question<T>, keep: (answer: T) => void) => {
    const answer = await askStep({ title, step, totalSteps: steps, ...what });
    if (answer !== undefined && answer !== back) keep(answer);
    return answer;
  };
  const questions = [
    async () => {
      const chosen = await askStep({ title, step: 1, totalSteps: steps, ...dataSetStep(starter, dataSets, last) });
      if (typeof chosen !== 'string') return chosen;
      const isThere = (await dataSets).some(({ name, ok }) => name === chosen && ok);
      const root = isThere ? undefined : await findFolder(starter, chosen);
      if (!isThere && root === undefined) return again;
      [answers.dataSet, answers.root] = [chosen, root];
      return chosen;
    },
    () => question(2, rateStep(last), (rate) => (answers.rate = rate)),
    () => question(3, methodStep(last), (method) => (answers.method = method)),
    () => question(4, lastStep(answers, last), (start) => ([answers.epochs, action] = [start.epochs, start.action])),
  ];
  for (let step = 0; ;) {
    const next = questions[step];
    if (!next) return { choices: answers, action };
    const answer = await next();
    if (answer === undefined) return undefined;
    if (answer === again) continue;
    if (answer === fromPreset) {
      const preset = await askStep({ title, step: 2, totalSteps: 2, ...presetStep() });
      if (preset === undefined) return undefined;
      if (preset !== back) return { preset };
      continue;
    }
    step += answer === back ? -1 : 1;
  }
}

type Question<T> = Pick<Step<T>, 'placeholder' | 'items' | 'preferred'>;

const dataSetNames = dataSchema.options.map(({ shape }) => shape.name.value);

/** In the place of a data set: an experiment that is described already. */
const fromPreset = Symbol('from a preset');

/** In the place of an answer: the same question once more. */
const again = Symbol('again');

/**
 * The folder of a data set that is not found by itself: that of the last time, or the one that is chosen, once its files
 * were found there.
 * @returns undefined when that was given up
 */
async function findFolder({ lab, dataFolders }: Starter, dataSet: DataSetName): Promise<string | undefined> {
  let root = dataFolders.known(dataSet) ?? (await dataFolders.pick(dataSet));
  while (root !== undefined) {
    try {
      await lab.requireSound([resolveConfig({ data: { name: dataSet, root } })]);
      await dataFolders.remember(dataSet, root);
      return root;
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      root = await dataFolders.pickAfter(error.message, dataSet);
    }
  }
  return undefined;
}

function dataSetStep(
  { dataFolders }: Starter,
  dataSets: ReturnType<Lab['dataSets']>,
  last: Choices,
): Question<DataSetName | typeof fromPreset> {
  const presets = {
    label: `$(beaker) ${vscode.l10n.t('From a Preset')}`,
    description: vscode.l10n.t('an experiment of the paper, or a small form of one'),
    value: fromPreset,
  } as const;
  const items = dataSets.then((all) => {
    const ready = new Map(all.flatMap(({ name, ok, message }) => (ok ? [[name, message]] : [])));
    const item = (name: DataSetName) => ({ label: name, description: ready.get(name) ?? '', value: name });
    return [
      ...dataSetNames.filter((name) => ready.has(name)).map(item),
      presets,
      ...dataSetNames.filter((name) => !ready.has(name)).map((name) => missingItem(name, dataFolders)),
    ];
  });
  return {
    placeholder: vscode.l10n.t('Data set'),
    items,
    preferred: dataSetNames.find((name) => name === last.dataSet) ?? 'digits',
  };
}

/** A data set whose files are not found by themselves. */
function missingItem(name: DataSetName, dataFolders: DataFolders) {
  const known = dataFolders.known(name);
  if (known !== undefined) return { label: name, description: vscode.l10n.t('in {0}', known), value: name };
  const choose = vscode.l10n.t('choose the folder with its files…');
  const download = vscode.l10n.t('“sat data download {0}” gets them', name);
  return { label: name, description: name in dataSources ? `${choose} ${download}` : choose, value: name };
}

function presetStep(): Question<string> {
  const items = listPresets().then((all) =>
    all.map(({ name, title, notes, isSweep }) => ({
      label: title,
      description: isSweep ? `${name}, ${vscode.l10n.t('a sweep')}` : name,
      detail: notes,
      value: name,
    })),
  );
  return { placeholder: vscode.l10n.t('Preset'), items };
}

function rateStep(last: Choices): Question<number> {
  const items = [0.4, 0, 0.2, 0.6, 0.8].map((rate) => ({
    label: rate === 0 ? vscode.l10n.t('no noise') : `${rate * 100} %`,
    description:
      rate === 0
        ? vscode.l10n.t('the labels as they are')
        : vscode.l10n.t('of the training labels drawn anew, uniformly over all classes'),
    value: rate,
  }));
  return { placeholder: vscode.l10n.t('Corrupted labels'), items, preferred: last.rate ?? 0.4 };
}

function methodStep(last: Choices): Question<MethodName> {
  const names = Object.keys(methodTitles) as MethodName[];
  const items = names.map((name) => ({
    label: methodTitles[name].short,
    description: methodTitles[name].long,
    value: name,
  }));
  const preferred = names.find((name) => name === (last.method ?? 'sat'));
  return { placeholder: vscode.l10n.t('Method'), items, preferred };
}

type Start = { epochs: number; action: 'start' | 'edit' };

function lastStep(answers: StartAnswers, last: Choices): Question<Start> {
  const what = describeConfig(resolveConfig(startConfig({ ...answers, epochs: 40 })));
  const lengths = [...new Set([last.epochs ?? 40, 40, 10, 100])];
  const start = lengths.map((epochs) => ({
    label: `$(play) ${vscode.l10n.t('Start')}`,
    description: `${what}, ${vscode.l10n.t('{0} epochs', epochs)}`,
    value: { epochs, action: 'start' as const },
  }));
  const edit = {
    label: `$(edit) ${vscode.l10n.t('Edit as a File')}`,
    description: vscode.l10n.t('write a *.sat.json with these settings and open it'),
    value: { epochs: last.epochs ?? 40, action: 'edit' as const },
  };
  return { placeholder: vscode.l10n.t('What will run'), items: [...start, edit] };
}
