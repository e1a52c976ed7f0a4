import { describe, expect, it } from 'vitest';
import { formatEvent, parseEvent, type RunEvent } from './events';

const events: RunEvent[] = [
  { event: 'start', time: 1.5, runtime: 'wasm', device: 'cpu', steps: 15, epochs: 3, fromStep: 5 },
  { event: 'metrics', step: 3, epoch: 0, time: 2, values: { 'train/loss': 0.1 + 0.2, lr: 5e-324, 'test/loss': 1e308 } },
  { event: 'metrics', step: 4, values: { a: NaN, b: Infinity, c: -Infinity, d: 0 } },
  { event: 'metrics', step: 5, values: {} },
  { event: 'checkpoint', step: 5, epoch: 1, path: 'checkpoints/epoch-1.safetensors' },
  { event: 'log', level: 'warn', message: 'two\nlines, “quotes” and a \\' },
  { event: 'end', status: 'failed', message: 'NaN', time: 9 },
];

describe('events', () => {
  it.each(events)('travel as one line each, nothing lost: $event', (event) => {
    const line = formatEvent(event);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(parseEvent(line)).toEqual(event);
    expect(parseEvent(line.replace('\n', '\r\n'))).toEqual(event);
  });

  it('carry what JSON lacks as words, so that any JSON reader can read them', () => {
    const line = formatEvent({ event: 'metrics', step: 4, values: { a: NaN, b: Infinity, c: -Infinity } });
    expect(JSON.parse(line)).toEqual({
      event: 'metrics',
      step: 4,
      values: { a: 'NaN', b: 'Infinity', c: '-Infinity' },
    });
  });

  it('leave a text that happens to read “NaN” a text', () => {
    expect(parseEvent('{"event":"log","message":"NaN"}')).toEqual({ event: 'log', level: 'info', message: 'NaN' });
  });

  it('keep what a newer version adds', () => {
    expect(parseEvent('{"event":"end","status":"stopped","cause":"battery"}')).toEqual({
      event: 'end',
      status: 'stopped',
      cause: 'battery',
    });
  });

  it('take a log of an unknown level for information', () => {
    expect(parseEvent('{"event":"log","level":"trace","message":"x"}')).toMatchObject({ level: 'info', message: 'x' });
  });
});

describe('a line that is no event', () => {
  it.each([
    '',
    ' ',
    'Epoch 1: loss 0.3',
    '{',
    '{}',
    '[]',
    'null',
    '{"event":"metrics","step":3,"val',
    '{"event":"party"}',
    '{"event":"metrics","values":{"a":1}}',
    '{"event":"metrics","step":-1,"values":{"a":1}}',
    '{"event":"metrics","step":1.5,"values":{"a":1}}',
    '{"event":"metrics","step":1,"values":{"a":"much"}}',
    '{"event":"metrics","step":1,"values":{"a":null}}',
    '{"event":"metrics","step":1,"values":[1]}',
    '{"event":"checkpoint","step":1}',
    '{"event":"end","status":"finished"}',
    '{"event":"end","status":"stopped"}{"event":"end","status":"stopped"}',
    '{"event":"metrics","step":1,"values":{"a":NaN}}',
  ])('%s is left to the log', (line) => {
    expect(parseEvent(line)).toBeUndefined();
  });
});
