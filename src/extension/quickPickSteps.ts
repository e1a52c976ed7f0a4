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
  /** Makes an item of what was typed, or says what is wrong with it; undefined where one of the items may be meant. */
  typed?: ((text: string) => Choice<T> | string | undefined) | undefined;
}

export const back = Symbol('back');

/** Asks one question of several. @returns the value, `back`, or undefined when it was given up */
export async function askStep<T>(step: Step<T>): Promise<T | typeof back | undefined> {
  const picker = vscode.window.createQuickPick<vscode.QuickPickItem & { value?: T }>();
  picker.title = step.title;
  picker.step = step.step;
  picker.totalSteps = step.totalSteps;
  picker.placeholder = step.placeholder;
  picker.matchOnDescription = true;
  if (step.step > 1) picker.buttons = [vscode.QuickInputButtons.Back];
  try {
    return await new Promise((resolve, reject) => {
      picker.onDidTriggerButton(() => resolve(back));
      picker.onDidAccept(() => {
        const [chosen] = picker.selectedItems;
        // What says that something is wrong cannot be taken.
        if (chosen && 'value' in chosen) resolve(chosen.value);
      });
      picker.onDidHide(() => resolve(undefined));
      picker.show();
      picker.busy = true;
      Promise.resolve(step.items).then((items) => {
        const first = items.filter(({ value }) => value === step.preferred);
        const ordered = [...first, ...items.filter(({ value }) => value !== step.preferred)];
        const show = () => {
          const own = step.typed?.(picker.value);
          const item = typeof own === 'string' ? { label: `$(error) ${own}` } : own;
          picker.items = item ? [{ ...item, alwaysShow: true }, ...ordered] : ordered;
        };
        // Something may have been typed already.
        show();
        picker.busy = false;
        if (step.typed) picker.onDidChangeValue(show);
      }, reject);
    });
  } finally {
    picker.dispose();
  }
}
