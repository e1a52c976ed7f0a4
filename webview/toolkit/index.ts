/**
 * The one place that knows `@vscode/webview-ui-toolkit`, which is no longer developed upstream: only what is used is
 * registered, under VS Code's tag names.
 */
import { provideVSCodeDesignSystem, vsCodeButton, vsCodeCheckbox, vsCodeTextField } from '@vscode/webview-ui-toolkit';

export function registerToolkit(): void {
  provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeCheckbox(), vsCodeTextField());
}
