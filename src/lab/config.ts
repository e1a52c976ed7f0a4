import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { findNodeAtLocation, parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import type * as z from 'zod';
import { configFileSchema, configSchema, documentVersion, type RunConfig } from '../protocol/config';
import { messageOf } from '../protocol/errors';
import { evaluatedMetrics } from '../protocol/evaluatedMetrics';
import type { RunRecord } from '../protocol/run';
import { isObject, layerAt, mergeConfig, sweepSettings, type JsonObject } from './configMerge';
import { noSuchPreset, presetFile, presetName } from './presets';

/** Something wrong with a configuration, in words. */
export interface ConfigProblem {
  file: string;
  /** Where in the configuration, such as `data.noise.rate`; empty for the file as a whole. */
  path: string;
  /** 0-based position in the file, where it is known. */
  line?: number;
  column?: number;
  message: string;
  /** The JSON Schema says the same of a value that stands in this file. */
  fromSchema?: true;
}

/** One run that a configuration file asks for. */
export interface ConfigCell {
  config: RunConfig;
  /** Hash of the resolved configuration without name, notes and tags: the same cell is the same run. */
  hash: string;
  /**
   * What the sweep sets for this cell, as it came out: without what another setting has dropped, and with the value of
   * one that has replaced it. Empty when the file is not a sweep.
   */
  settings: JsonObject;
}

export type ConfigResult =
  { ok: true; cells: ConfigCell[]; isSweep: boolean } | { ok: false; problems: ConfigProblem[] };

/**
 * Reads a `*.sat.json` file with all that it extends, and resolves every cell of it: defaults, what it extends, the
 * file, the sweep's cell, then the settings given by hand.
 * @param reference a path, or `preset:NAME`
 * @param settings `key.path=value`, as for `--set`
 */
export async function loadConfigFile(reference: string, settings: readonly string[] = []): Promise<ConfigResult> {
  const preset = presetName(reference);
  const file = preset === undefined ? reference : presetFile(preset);
  if (file === undefined) return failure({ file: reference, path: '', message: await noSuchPreset() });
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    return failure({ file, path: '', message: `could not be read: ${messageOf(error)}` });
  }
  return parseConfig(text, file, settings);
}

/** The same for a file's text, for example of an editor with unsaved changes. */
export async function parseConfig(text: string, file: string, settings: readonly string[] = []): Promise<ConfigResult> {
  const document = parseDocument(text.replace(/^\uFEFF/, ''), file);
  if (!document.ok) return document;
  const locate = locator(document.tree, text);
  const loaded = await withExtends(document.value, file, [resolve(file)]);
  if (!loaded.ok) return loaded;
  const { sweep, ...rest } = loaded.value;
  const checked = configFileSchema.shape.sweep.safeParse(sweep);
  if (!checked.success) {
    return failure({ file, path: 'sweep', ...locate(['sweep']), message: 'expected lists of values by path' });
  }
  const byHand = settings.map(parseSetting);
  const cells: ConfigCell[] = [];
  for (const ofSweep of sweepSettings(checked.data ?? {})) {
    // One after the other, not joined first: null must remove what the file says, not what another setting says.
    const layers = [...Object.entries(ofSweep), ...byHand].map(([path, value]) =>
      withAbsolutePaths(layerAt(path, value), dirname(resolve(file))),
    );
    const layered = layers.reduce<JsonObject>((config, layer) => mergeConfig(config, layer), rest);
    const resolved = configSchema.safeParse(layered);
    if (!resolved.success) {
      const described = resolved.error.issues.flatMap((issue) => describeIssue(issue, layered));
      // A value that came from elsewhere (an extended file, a setting by hand) has no place in this file.
      const place = (keys: readonly string[]) =>
        canonical(valueAt(document.value, keys)) === canonical(valueAt(layered, keys)) ? locate(keys) : {};
      return {
        ok: false,
        problems: described.map(({ keys, message, inSchema = true }) => ({
          file,
          path: keys.join('.'),
          ...place(keys),
          message,
          ...(inSchema ? { fromSchema: true as const } : {}),
        })),
      };
    }
    const wrongBest = problemOfBest(resolved.data);
    if (wrongBest !== undefined) {
      const keys = ['checkpoint', 'best'];
      const place = valueAt(document.value, keys) === resolved.data.checkpoint.best ? locate(keys) : {};
      return failure({ file, path: keys.join('.'), ...place, message: wrongBest });
    }
    cells.push({ config: resolved.data, hash: cellHash(resolved.data), settings: effective(ofSweep, resolved.data) });
  }
  return { ok: true, cells, isSweep: sweep !== undefined };
}

/** Settings by path, as they are in a resolved configuration. */
function effective(settings: JsonObject, config: RunConfig): JsonObject {
  const found = Object.entries(settings).map(
    ([path, value]) => [path, asIs(value, valueAt(config, path.split('.')))] as const,
  );
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

/** What was set, with the values that are there: of an object only what was set of it, without its defaults. */
function asIs(set: unknown, found: unknown): unknown {
  if (set === null && found === undefined) return null;
  if (!isObject(set) || !isObject(found)) return found;
  const entries = Object.entries(set).map(([key, value]) => [key, asIs(value, found[key])] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** What is wrong with the metric that chooses the best checkpoint: the run would find out after its first epoch. */
function problemOfBest(config: RunConfig): string | undefined {
  const { best } = config.checkpoint;
  const metrics = evaluatedMetrics(config);
  if (best === 'none' || metrics.includes(best)) return undefined;
  return `a run with these settings has no metric ${best}. Choose one of ${metrics.join(', ')}, or none.`;
}

/** Fills in the defaults of a configuration that did not come from a file. @throws ZodError when it is not sound */
export function resolveConfig(config: z.input<typeof configSchema>): RunConfig {
  return configSchema.parse(config);
}

/** What a run was made with, newer keys at their defaults; undefined where this version does not understand it. */
export function recordedConfig({ config }: Pick<RunRecord, 'config'>): RunConfig | undefined {
  return configSchema.safeParse(config).data;
}

/** The first 16 hex digits of the SHA-256 of a configuration without its words. */
export function cellHash(config: RunConfig): string {
  const { name: _name, notes: _notes, tags: _tags, ...what } = config;
  return createHash('sha256').update(canonical(what)).digest('hex').slice(0, 16);
}

/** A problem in one line: file, place, message. */
export function formatProblem({ file, line, column, path, message }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line + 1}:${(column ?? 0) + 1}`;
  return path === '' ? `${place}: ${message}` : `${place}: ${path}: ${message}`;
}

function failure(problem: ConfigProblem): { ok: false; problems: ConfigProblem[] } {
  return { ok: false, problems: [problem] };
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

type Parsed = { ok: true; value: JsonObject; tree: Node } | { ok: false; problems: ConfigProblem[] };

function parseDocument(text: string, file: string): Parsed {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false });
  const [error] = errors;
  if (error) {
    const what = printParseErrorCode(error.error)
      .replace(/([a-z])([A-Z])/g, '$1 $2')
      .toLowerCase();
    return failure({ file, path: '', ...position(text, error.offset), message: `is not JSON here: ${what}` });
  }
  const value: unknown = JSON.parse(text);
  if (!isObject(value) || !tree) return failure({ file, path: '', message: 'expected a JSON object' });
  const { version } = value;
  if (typeof version === 'number' && version > documentVersion) {
    return failure({
      file,
      path: 'version',
      message: `this file is of version ${version}, this SAT Lab reads version ${documentVersion}. Update SAT Lab.`,
    });
  }
  return { ok: true, value, tree };
}

function position(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length - 1, column: before.at(-1)?.length ?? 0 };
}

/** Finds where in the text a path stands, or the nearest part of it that does. */
function locator(tree: Node, text: string) {
  return (keys: readonly string[]): { line?: number; column?: number } => {
    for (let length = keys.length; length > 0; length -= 1) {
      const node = findNodeAtLocation(tree, keys.slice(0, length).map(segment));
      // At the key rather than the value: that is what an unknown one is wrong about.
      if (node) return position(text, (node.parent?.type === 'property' ? node.parent : node).offset);
    }
    return {};
  };
}

function segment(key: string): string | number {
  return /^\d+$/.test(key) ? Number(key) : key;
}

/** The weakest layer: the names that select options, so that an option can be given without its name. */
const defaultNames: JsonObject = {
  method: { name: 'sat' },
  data: { name: 'digits' },
  model: { name: 'small-cnn' },
  optimizer: { name: 'sgd' },
};

type Extended = { ok: true; value: JsonObject } | { ok: false; problems: ConfigProblem[] };

/** The file's own content over that of what it extends; paths to data become absolute, file by file. */
async function withExtends(value: JsonObject, file: string, chain: readonly string[]): Promise<Extended> {
  const { extends: parent, $schema: _schema, ...own } = value;
  const layer = withAbsolutePaths(own, dirname(resolve(file)));
  if (parent === undefined) return { ok: true, value: mergeConfig(defaultNames, layer) };
  if (typeof parent !== 'string') return failure({ file, path: 'extends', message: 'expected a file name' });
  const preset = presetName(parent);
  const target = preset === undefined ? resolve(dirname(file), parent) : presetFile(preset);
  if (target === undefined) return failure({ file, path: 'extends', message: await noSuchPreset() });
  if (chain.includes(target)) {
    return failure({ file, path: 'extends', message: `${parent} extends this file in turn. Break the circle.` });
  }
  let text: string;
  try {
    text = await readFile(target, 'utf8');
  } catch (error) {
    return failure({ file, path: 'extends', message: `${parent} could not be read: ${messageOf(error)}` });
  }
  const document = parseDocument(text, target);
  if (!document.ok) return document;
  const base = await withExtends(document.value, target, [...chain, target]);
  return base.ok ? { ok: true, value: mergeConfig(base.value, layer) } : base;
}

/** `data.root` and `data.noise.file` are relative to the file that they stand in. */
function withAbsolutePaths(config: JsonObject, folder: string): JsonObject {
  const { data } = config;
  if (!isObject(data)) return config;
  const absolute = (path: unknown) => (typeof path === 'string' && !isAbsolute(path) ? resolve(folder, path) : path);
  const { noise } = data;
  return {
    ...config,
    data: {
      ...data,
      ...(data['root'] === undefined ? {} : { root: absolute(data['root']) }),
      ...(isObject(noise) && noise['file'] !== undefined ? { noise: { ...noise, file: absolute(noise['file']) } } : {}),
    },
  };
}

/** `a.b=value` as a path and a value; the value is JSON where it can be, else a string. */
function parseSetting(setting: string): [string, unknown] {
  const equals = setting.indexOf('=');
  const text = setting.slice(equals + 1);
  try {
    return [setting.slice(0, equals), JSON.parse(text)];
  } catch {
    return [setting.slice(0, equals), text];
  }
}

interface Described {
  keys: string[];
  message: string;
  /** False for what no JSON Schema can say, such as what two values must be to each other. */
  inSchema?: boolean;
}

function describeIssue(issue: z.core.$ZodIssue, config: unknown): Described[] {
  const keys = issue.path.map(String);
  const found = valueAt(config, keys);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ keys: [...keys, key], message: unknownKey(key, keys, found) }));
    case 'invalid_type':
      return [
        {
          keys,
          message:
            found === undefined
              ? `missing, expected ${article(issue.expected)}`
              : `expected ${article(issue.expected)}, found ${show(found)}`,
        },
      ];
    case 'invalid_value':
      return [{ keys, message: `expected ${issue.values.map(show).join(' or ')}, found ${show(found)}` }];
    case 'too_small':
      return [
        {
          keys,
          message: `expected ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}, found ${show(found)}`,
        },
      ];
    case 'too_big':
      return [
        {
          keys,
          message: `expected ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}, found ${show(found)}`,
        },
      ];
    case 'invalid_union':
      return describeUnion(issue, config);
    case 'invalid_key':
      return [{ keys, message: issue.issues[0]?.message ?? issue.message }];
    case 'custom':
      return [{ keys, message: issue.message, inSchema: false }];
    default:
      return [{ keys, message: issue.message }];
  }
}

/** What is wrong with a value that may be of several kinds. */
function describeUnion(issue: z.core.$ZodIssueInvalidUnion, config: unknown): Described[] {
  const keys = issue.path.map(String);
  const found = valueAt(config, keys);
  const kinds = issue.errors.map(([first]) =>
    first?.code === 'invalid_type' && first.path.length === 0 ? first : null,
  );
  // The alternative of the value's own kind knows what is wrong in it.
  const own = issue.errors[kinds.indexOf(null)];
  if (own) return own.flatMap((inner) => describeIssue({ ...inner, path: [...issue.path, ...inner.path] }, config));
  const expected = kinds.flatMap((kind) => (kind ? article(kind.expected) : []));
  const message =
    expected.length > 0 ? `expected ${expected.join(' or ')}, found ${show(found)}` : unionMessage(keys, found);
  return [{ keys, message }];
}

function article(expected: string): string {
  return expected === 'int' ? 'a whole number' : /^[aeio]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? 'nothing' : text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function valueAt(config: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (value, key) => (isObject(value) ? value[key] : Array.isArray(value) ? (value[Number(key)] as unknown) : undefined),
    config,
  );
}

/** The names that may stand at a path, read off the schema's own message. */
function unionMessage(keys: readonly string[], found: unknown): string {
  const known = knownNames(keys);
  return known.length > 0
    ? `expected ${known.map(show).join(' or ')}, found ${show(found)}`
    : `${show(found)} does not fit here`;
}

function knownNames(keys: readonly string[]): string[] {
  const option = schemaAt(keys.slice(0, -1));
  const last = keys.at(-1) ?? '';
  if (!option || !('options' in option.def)) return [];
  return objectOptions(option.def.options).flatMap(({ shape }) => {
    const literal = shape[last] as z.ZodType | undefined;
    return literal && 'values' in literal.def ? (literal.def.values as string[]) : [];
  });
}

/** The schema at a path of objects, with defaults and optionals taken off. */
function schemaAt(keys: readonly string[]): z.ZodType | undefined {
  let schema: z.ZodType | undefined = configSchema;
  for (const key of keys) {
    const bare: z.ZodType = unwrap(schema);
    const shapes: z.ZodObject['shape'][] =
      'shape' in bare.def
        ? [bare.def.shape as z.ZodObject['shape']]
        : 'options' in bare.def
          ? objectOptions(bare.def.options).map(({ shape }) => shape)
          : [];
    schema = shapes.map((shape) => shape[key] as z.ZodType | undefined).find((inner) => inner !== undefined);
    if (!schema) return undefined;
  }
  return unwrap(schema);
}

/** Those alternatives of a union that are objects. */
function objectOptions(options: unknown): z.ZodObject[] {
  return (options as z.ZodType[]).filter((option): option is z.ZodObject => 'shape' in option.def);
}

function unwrap(schema: z.ZodType): z.ZodType {
  return 'innerType' in schema.def ? unwrap(schema.def.innerType as z.ZodType) : schema;
}

function unknownKey(key: string, keys: readonly string[], owner: unknown): string {
  const close = knownKeys(keys, owner).find((known) => distance(known.toLowerCase(), key.toLowerCase()) <= 2);
  return close ? `is not known here. Did you mean ${close}?` : 'is not known here';
}

/** The keys that may stand at a path, given the name that is chosen there. */
function knownKeys(keys: readonly string[], owner: unknown): string[] {
  const schema = schemaAt(keys);
  if (!schema) return [];
  if ('shape' in schema.def) return Object.keys(schema.def.shape as object);
  if (!('options' in schema.def)) return [];
  const options = objectOptions(schema.def.options);
  const [only, ...others] = options;
  if (only && others.length === 0) return Object.keys(only.shape);
  const chosen = options.find(({ shape }) =>
    ['name', 'type'].some((key) => (shape[key] as z.ZodType | undefined)?.safeParse(valueAt(owner, [key])).success),
  );
  return Object.keys(chosen?.shape ?? {});
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
