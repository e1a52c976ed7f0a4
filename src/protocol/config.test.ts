import { describe, expect, it } from 'vitest';
import { configFileSchema, configJsonSchema, configSchema } from './config';

interface JsonSchema {
  default?: unknown;
  properties?: Record<string, JsonSchema>;
  oneOf?: JsonSchema[];
  anyOf?: JsonSchema[];
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
}

const schema = configJsonSchema() as JsonSchema;

describe('the JSON schema of configuration files', () => {
  it('asks for nothing that has a default', () => {
    const walk = (of: JsonSchema, path: string): string[] => [
      ...(of.required ?? []).filter((key) => of.properties?.[key]?.default !== undefined).map((key) => path + key),
      ...Object.entries(of.properties ?? {}).flatMap(([key, property]) => walk(property, `${path}${key}.`)),
      ...(of.oneOf ?? []).flatMap((one) => walk(one, path)),
    ];
    expect(walk(schema, '')).toEqual([]);
    expect(schema.required ?? []).toEqual([]);
  });

  it('shows defaults that are what an empty file gives', () => {
    const resolved: Record<string, unknown> = configSchema.parse({});
    const plain = Object.entries(schema.properties ?? {}).filter(
      ([, { default: value }]) => value !== undefined && typeof value !== 'object',
    );
    expect(plain.length).toBeGreaterThan(5);
    for (const [key, { default: value }] of plain) expect([key, resolved[key]]).toEqual([key, value]);
  });

  it('asks for the rate of a noise, or for its file, as the configuration does', () => {
    const noise = schema.properties?.['data']?.oneOf?.[0]?.properties?.['noise']?.oneOf ?? [];
    const [corrupted, ...others] = noise.map(({ anyOf }) => anyOf);
    expect(corrupted).toEqual([{ required: ['rate'] }, { required: ['file'] }]);
    expect(others.filter((one) => one === undefined)).toHaveLength(1);
    for (const of of [{ rate: 0.4 }, { file: 'noise.json' }, { rate: 0.4, file: 'noise.json' }, {}]) {
      const data = { name: 'digits', noise: { type: 'symmetric', ...of } };
      expect(configSchema.safeParse({ data }).success).toBe(Object.keys(of).length > 0);
    }
  });

  it('refuses what is not known, at every depth', () => {
    const open = (of: JsonSchema, path: string): string[] => [
      ...(of.properties && of.additionalProperties !== false ? [path] : []),
      ...Object.entries(of.properties ?? {}).flatMap(([key, property]) => open(property, `${path}.${key}`)),
      ...(of.oneOf ?? []).flatMap((one) => open(one, path)),
    ];
    expect(open(schema, '')).toEqual([]);
  });
});

describe('a configuration', () => {
  it('of a method alone resolves to the whole, with the authors’ values', () => {
    expect(configSchema.parse({ method: { name: 'sat' } })).toEqual({
      version: 1,
      name: '',
      notes: '',
      tags: [],
      method: { name: 'sat', alpha: 0.9, startEpoch: 60 },
      data: { name: 'digits', augment: false, validation: 0 },
      model: { name: 'small-cnn' },
      optimizer: {
        name: 'sgd',
        learningRate: 0.1,
        momentum: 0.9,
        weightDecay: 0.0005,
        schedule: { name: 'cosine' },
      },
      epochs: 40,
      batchSize: 128,
      seed: 0,
      metrics: { every: 10 },
      evaluate: { every: 1, selective: false, attacks: [] },
      checkpoint: { every: 10, keep: 3, best: 'test/accuracy' },
      runtime: 'auto',
      device: 'auto',
    });
  });

  it('that was resolved resolves to itself', () => {
    const once = configSchema.parse({ optimizer: { name: 'adam' }, seed: 3 });
    expect(configSchema.parse(once)).toEqual(once);
    expect(configFileSchema.parse(once)).toEqual(once);
  });

  it.each<[string, object]>([
    ['an unknown key', { epoch: 3 }],
    ['an option of another method', { method: { name: 'erm', alpha: 0.9 } }],
    ['an unknown method', { method: { name: 'tradess' } }],
    ['α above 1', { method: { name: 'sat', alpha: 1.1 } }],
    ['half an epoch', { epochs: 0.5 }],
    ['a seed beyond 32 bits', { seed: 2 ** 32 }],
    ['everything kept for validation', { data: { name: 'digits', validation: 1 } }],
    ['a rate of noise above 1', { data: { name: 'digits', noise: { type: 'corrupted_label', rate: 1.5 } } }],
    ['batches of one, which batch norm cannot normalise', { batchSize: 1 }],
    ['no number as learning rate', { optimizer: { name: 'sgd', learningRate: NaN } }],
    ['a document of a newer version', { version: 2 }],
    ['an attack that is not an object', { evaluate: { attacks: ['pgd'] } }],
    ['an attack twice', { evaluate: { attacks: [{ name: 'pgd' }, { name: 'pgd', epsilon: 0.1 }] } }],
  ])('with %s is refused', (_what, config) => {
    expect(configSchema.safeParse(config).success).toBe(false);
  });

  it.each<[string, object]>([
    ['the largest seed', { seed: 2 ** 32 - 1 }],
    ['α = 0', { method: { name: 'sat', alpha: 0 } }],
    ['all labels drawn anew', { data: { name: 'mnist', noise: { type: 'corrupted_label', rate: 1 } } }],
  ])('with %s is accepted', (_what, config) => {
    expect(configSchema.safeParse(config).success).toBe(true);
  });
});
