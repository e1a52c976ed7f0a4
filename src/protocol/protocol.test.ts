import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { configJsonSchema, configSchema } from './config';
import { formatEvent, parseEvent } from './events';

describe('the configuration', () => {
  it('has a default for every key', () => {
    const config = configSchema.parse({ method: { name: 'sat' } });
    expect(config).toMatchObject({
      method: { name: 'sat', alpha: 0.9 },
      data: { name: 'digits' },
      optimizer: { name: 'sgd', learningRate: 0.1, momentum: 0.9, weightDecay: 0.0005, schedule: { name: 'cosine' } },
      epochs: 40,
      batchSize: 128,
      evaluate: { every: 1 },
      checkpoint: { every: 10, keep: 3, best: 'test/accuracy' },
      runtime: 'auto',
    });
  });

  it('has a schema for editors in step with itself', () => {
    const file: unknown = JSON.parse(readFileSync(join(__dirname, '../../media/sat.schema.json'), 'utf8'));
    expect(file).toEqual(configJsonSchema());
  });

  it('says of every option what it is', () => {
    const undescribed: string[] = [];
    const walk = (value: unknown, path: string) => {
      const { properties, anyOf, oneOf } = z
        .looseObject({
          properties: z.record(z.string(), z.looseObject({ description: z.string().optional() })).default({}),
          anyOf: z.array(z.unknown()).default([]),
          oneOf: z.array(z.unknown()).default([]),
        })
        .catch({ properties: {}, anyOf: [], oneOf: [] })
        .parse(value);
      for (const [name, property] of Object.entries(properties)) {
        const nested = ['properties', 'anyOf', 'oneOf', 'const'].some((key) => key in property);
        if (!property.description && !nested) undescribed.push(`${path}${name}`);
        walk(property, `${path}${name}.`);
      }
      [...anyOf, ...oneOf].forEach((option) => walk(option, path));
    };
    walk(configJsonSchema(), '');
    expect(undescribed).toEqual([]);
  });
});

describe('events', () => {
  it('carry NaN and the infinities as words', () => {
    const line = formatEvent({ event: 'metrics', step: 1, values: { a: NaN, b: -Infinity, c: 0.5 } });
    expect(line).toBe('{"event":"metrics","step":1,"values":{"a":"NaN","b":"-Infinity","c":0.5}}\n');
    const event = parseEvent(line.trim());
    expect(event).toMatchObject({ event: 'metrics', values: { a: NaN, b: -Infinity, c: 0.5 } });
  });

  it('need no more than step and values', () => {
    expect(parseEvent('{"event": "metrics", "step": 3, "values": {"loss": 1}}')).toMatchObject({ step: 3 });
  });

  it.each([
    '',
    'loss: 3',
    '{"event":"metrics"',
    '{"event":"dance"}',
    '{"event":"metrics","step":-1,"values":{}}',
    '[]',
  ])('are not read out of %s', (line) => expect(parseEvent(line)).toBeUndefined());
});
