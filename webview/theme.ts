/** Colours come from VS Code's theme, and are asked for at each drawing, so that a change of theme needs no reload. */
export function themeColor(name: string): string {
  return getComputedStyle(document.body).getPropertyValue(name).trim();
}

const methodColors = [
  '--vscode-charts-blue',
  '--vscode-charts-yellow',
  '--vscode-charts-purple',
  '--vscode-charts-green',
  '--vscode-charts-red',
  // Last: in the dark themes it is nearly the background's own colour.
  '--vscode-charts-orange',
];

/** Methods that everybody meets have their colour for good; others take the next in order of their names. */
const fixed = ['SAT', 'ERM'];

/** The same method has the same colour in every chart. */
export function methodColor(method: string, all: readonly string[]): string {
  const order = [...fixed, ...all.filter((name) => !fixed.includes(name)).sort()];
  const index = Math.max(0, order.indexOf(method)) % methodColors.length;
  return themeColor(methodColors[index] ?? '--vscode-foreground') || themeColor('--vscode-foreground');
}

/** A colour with an opacity in [0, 1]. */
export function withOpacity(color: string, opacity: number): string {
  return `color-mix(in srgb, ${color} ${Math.round(opacity * 100)}%, transparent)`;
}

/** Calls back when VS Code changes the theme. */
export function onThemeChange(callback: () => void): void {
  new MutationObserver(callback).observe(document.body, {
    attributes: true,
    attributeFilter: ['class', 'data-vscode-theme-id'],
  });
}
