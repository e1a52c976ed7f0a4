import type * as vscode from 'vscode';
import * as z from 'zod';

/** What was chosen last in Start Run. */
const choicesSchema = z.object({
  dataSet: z.string().optional(),
  rate: z.number().optional(),
  method: z.string().optional(),
  epochs: z.int().optional(),
});
export type Choices = z.output<typeof choicesSchema>;

const choicesKey = 'satLab.choices';

/** The last choices of this workspace; empty at first, or when another version wrote them. */
export function lastChoices(state: vscode.Memento): Choices {
  const stored = choicesSchema.safeParse(state.get(choicesKey));
  return stored.success ? stored.data : {};
}

export async function rememberChoices(state: vscode.Memento, choices: Choices): Promise<void> {
  await state.update(choicesKey, choices);
}

/** What was chosen last in Evaluate Checkpoint. */
const evaluationChoicesSchema = z.object({
  attack: z.string().optional(),
  /** As it is shown: one radius, or several with commas. */
  epsilon: z.string().optional(),
  /** 0: all. */
  limit: z.int().optional(),
});
export type EvaluationChoices = z.output<typeof evaluationChoicesSchema>;

const evaluationChoicesKey = 'satLab.evaluationChoices';

export function lastEvaluationChoices(state: vscode.Memento): EvaluationChoices {
  const stored = evaluationChoicesSchema.safeParse(state.get(evaluationChoicesKey));
  return stored.success ? stored.data : {};
}

export async function rememberEvaluationChoices(state: vscode.Memento, choices: EvaluationChoices): Promise<void> {
  await state.update(evaluationChoicesKey, choices);
}

const dataFoldersSchema = z.record(z.string(), z.string());

const dataFoldersKey = 'satLab.dataFolders';

/** Where data sets were found that are not found by themselves, by name. @param state of the machine, not of a workspace */
export function knownDataFolders(state: vscode.Memento): Record<string, string> {
  const stored = dataFoldersSchema.safeParse(state.get(dataFoldersKey));
  return stored.success ? stored.data : {};
}

export async function rememberDataFolder(state: vscode.Memento, dataSet: string, folder: string): Promise<void> {
  await state.update(dataFoldersKey, { ...knownDataFolders(state), [dataSet]: folder });
}
