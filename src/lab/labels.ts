import { methodTitles } from '../protocol/methods';
import type { RunConfig } from '../protocol/config';
import { isObject, type JsonObject } from './configMerge';

/** A run's configuration may come from another version: labels read it without trusting it. */
type Loose = RunConfig | JsonObject;

/** "fashion-mnist, SAT, 40 % noise": what a run is, when nobody has named it. */
export function describeConfig(config: Loose): string {
  return [dataLabel(config), methodLabel(config), noiseLabel(config)].filter((part) => part !== '').join(', ');
}

/**
 * For runs side by side: only the settings that differ among them, such as "SAT · 40 % · seed 1". Where two would read
 * the same, whatever else differs is named: "alpha 0.6 · seed 1".
 */
export function distinguishingLabels(configs: readonly Loose[]): string[] {
  const usual = [methodLabel, dataLabel, noiseLabel, modelLabel];
  const usualOnes = labelsBy([...usual, seedLabel], configs);
  if (new Set(usualOnes).size === configs.length) return usualOnes;
  return labelsBy([...usual, ...otherSettings(configs), seedLabel], configs);
}

type Part = (config: Loose) => string;

function labelsBy(parts: readonly Part[], configs: readonly Loose[]): string[] {
  const differing = parts.filter((part) => new Set(configs.map(part)).size > 1);
  const shown = differing.length > 0 ? differing : [methodLabel, noiseLabel];
  return configs.map((config) =>
    shown
      .map((part) => part(config))
      .filter((text) => text !== '')
      .join(' · '),
  );
}

/** What the usual parts say already, and what does not change the numbers. */
const unnamed =
  /^(version|name|notes|tags|seed|runtime|device|(metrics|evaluate|checkpoint)\..*|data\.root|.*\.(name|type)|data\.noise\.rate|model\.(width|depth|widenFactor))$/;

/** A part for each setting of the configurations that has more than one value, called by its last key. */
function otherSettings(configs: readonly Loose[]): Part[] {
  const settings = configs.map((config) => leaves(config));
  const paths = [...new Set(settings.flatMap((of) => [...of.keys()]))].filter((path) => !unnamed.test(path));
  return paths
    .filter((path) => new Set(settings.flatMap((of) => of.get(path) ?? [])).size > 1)
    .map((path) => (config) => {
      const value = leaves(config).get(path);
      return value === undefined ? '' : `${path.split('.').at(-1) ?? path} ${value}`;
    });
}

/** Leaves by path; their values as text, none for null. */
export function leaves(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) leaves(inner, path === '' ? key : `${path}.${key}`, into);
  } else if (value !== undefined && value !== null) {
    into.set(path, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return into;
}

/** The method's short name; its colour and its runs go by it. */
export function methodLabel(config: Loose): string {
  const name = text(config, 'method', 'name');
  const titles: Record<string, { short: string } | undefined> = methodTitles;
  return titles[name]?.short ?? name;
}

function dataLabel(config: Loose): string {
  return text(config, 'data', 'name');
}

function modelLabel(config: Loose): string {
  const [width, depth, widenFactor] = ['width', 'depth', 'widenFactor'].map((key) => at(config, 'model', key));
  const sizes = typeof depth === 'number' && typeof widenFactor === 'number' ? `-${depth}-${widenFactor}` : '';
  return `${text(config, 'model', 'name')}${sizes}${typeof width === 'number' ? ` width ${width}` : ''}`;
}

function noiseLabel(config: Loose): string {
  const type = text(config, 'data', 'noise', 'type');
  const kind = type === '' || type === 'corrupted_label' ? 'noise' : type.replaceAll('_', ' ');
  const file = text(config, 'data', 'noise', 'file');
  // What it says of its rate is not read here.
  if (type !== 'label_file' && file !== '') return `${kind} from ${file.split(/[\\/]/).slice(-2).join('/')}`;
  const rate = at(config, 'data', 'noise', 'rate');
  if (typeof rate === 'number' && rate > 0) return `${Number((rate * 100).toFixed(2))} % ${kind}`;
  return type === 'label_file' ? `${kind} ${text(config, 'data', 'noise', 'key')}`.trim() : 'no noise';
}

function seedLabel(config: Loose): string {
  const seed = at(config, 'seed');
  return typeof seed === 'number' ? `seed ${seed}` : '';
}

function text(config: Loose, ...path: string[]): string {
  const value = at(config, ...path);
  return typeof value === 'string' ? value : '';
}

function at(config: Loose, ...path: string[]): unknown {
  return path.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), config);
}
