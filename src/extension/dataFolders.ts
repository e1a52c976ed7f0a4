import * as vscode from 'vscode';
import { knownDataFolders, rememberDataFolder } from './memory';

/** The folders of data sets that are not found by themselves: asked for once, and remembered on this machine. */
export class DataFolders {
  /** @param state of the machine: a data set lies in one place for all workspaces */
  constructor(private readonly state: vscode.Memento) {}

  /** Where a data set was found the last time. Folders of images are each their own data set: they are asked for anew. */
  known(dataSet: string): string | undefined {
    return dataSet === 'image-folder' ? undefined : knownDataFolders(this.state)[dataSet];
  }

  /** Asks for a folder. @returns undefined when that was given up */
  async pick(dataSet: string): Promise<string | undefined> {
    const last = knownDataFolders(this.state)[dataSet];
    const picked = await vscode.window.showOpenDialog({
      title: vscode.l10n.t('Folder with the files of {0}', dataSet),
      openLabel: vscode.l10n.t('Use Folder'),
      canSelectFiles: false,
      canSelectFolders: true,
      ...(last === undefined ? {} : { defaultUri: vscode.Uri.file(last) }),
    });
    return picked?.[0]?.fsPath;
  }

  /**
   * Says why a data set cannot be used, and asks for another folder.
   * @param file the configuration that says where the data are, to be edited instead
   * @returns undefined when that was given up
   */
  async pickAfter(problem: string, dataSet: string, file?: vscode.Uri): Promise<string | undefined> {
    const choose = vscode.l10n.t('Choose Folder');
    const edit = vscode.l10n.t('Edit File');
    const answer = await vscode.window.showErrorMessage(problem, choose, ...(file ? [edit] : []));
    if (answer === edit && file) await vscode.window.showTextDocument(file);
    return answer === choose ? this.pick(dataSet) : undefined;
  }

  async remember(dataSet: string, folder: string): Promise<void> {
    await rememberDataFolder(this.state, dataSet, folder);
  }
}
