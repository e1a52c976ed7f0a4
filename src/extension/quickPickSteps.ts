import * as vscode from 'vscode';

/** An item that stands for a value. */
export interface Choice<T> extends vscode.QuickPickItem {
  value: T;
}

export interface Step<T> {
  title: string;
  step: number;
  totalSteps: number;
  placeholder: string;
  items: readonly Choice<T>[] | Promise<readonly Choice<T>[]>;
  /** The value that stands first and is taken with Enter. */
  preferred?: T | undefined;
  /** Makes an item of what was typed, where something else than the items may be meant. */
  typed?: ((text: string) => Choice<T> | undefined) | undefined;
}

export const back = Symbol('back');

/** Asks one question of several. @returns the value, `back`, or undefined when it was given up */
export async function askStep<T>(step: Step<T>): Promise<T | typeof back | undefined> {
  const picker = vscode.window.createQuickPick<Choice<T>>();
  picker.title = step.title;
  picker.step = step.step;
  picker.totalSteps = step.totalSteps;
  picker.placeholder = step.placeholder;
  picker.matchOnDescription = true;
  if (step.step > 1) picker.buttons = [vscode.QuickInputButtons.Back];
  try {
    return await new Promise((resolve, reject) => {
      picker.onDidTriggerButton(() => resolve(back));
      picker.onDidAccept(() => resolve(picker.selectedItems[0]?.value));
      picker.onDidHide(() => resolve(undefined));
      picker.show();
      picker.busy = true;
      Promise.resolve(step.items).then((items) => {
        const first = items.filter(({ value }) => value === step.preferred);
        const ordered = [...first, ...items.filter(({ value }) => value !== step.preferred)];
        picker.items = ordered;
        picker.busy = false;
        picker.onDidChangeValue((text) => {
          const own = step.typed?.(text);
          if (step.typed) picker.items = own ? [{ ...own, alwaysShow: true }, ...ordered] : ordered;
        });
      }, reject);
    });
  } finally {
    picker.dispose();
  }
}
