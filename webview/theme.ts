/** Colours come from VS Code's theme, and are asked for at each drawing, so that a change of theme needs no reload. */
export function themeColor(name: string): string {
  return getComputedStyle(document.body).getPropertyValue(name).trim();
}

/** The theme's own orange is not among them: in most themes it is nearly the background's colour, or black. */
const methodColors = [
  () => themeColor('--vscode-charts-blue'),
  () => themeColor('--vscode-charts-yellow'),
  () => themeColor('--vscode-charts-purple'),
  () => themeColor('--vscode-charts-green'),
  () => themeColor('--vscode-charts-red'),
  () => `color-mix(in srgb, ${themeColor('--vscode-charts-blue')}, ${themeColor('--vscode-charts-green')})`,
  () => themeColor('--vscode-foreground'),
];

/** Methods that everybody meets have their colour for good. */
const fixed = ['SAT', 'ERM'];
/** These come before the others, which stand in the order of their names. */
const first = ['TRADES+SAT', 'TRADES', 'Selective SAT'];

/** How much of the text's colour is in a shade, in percent: it is legible on the background in every theme. */
const shades = [0, 30, 55, 75];

/**
 * The same method has the same colour in every chart.
 * @param variant which of several that are shown: each has a shade of that colour, the first the colour itself
 */
export function methodColor(method: string, all: readonly string[], variant = 0): string {
  const known = [...fixed, ...first.filter((name) => all.includes(name))];
  const order = [...known, ...all.filter((name) => !known.includes(name)).sort()];
  const index = Math.max(0, order.indexOf(method)) % methodColors.length;
  const text = themeColor('--vscode-foreground');
  const color = methodColors[index]?.() || text;
  const shade = shades[Math.max(0, variant) % shades.length] ?? 0;
  return shade === 0 ? color : `color-mix(in srgb, ${text} ${shade}%, ${color})`;
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
