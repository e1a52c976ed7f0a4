import { describe, expect, it } from 'vitest';
import { pinFor, pinOf } from './runtimePin';

describe('what has to compute a run again', () => {
  it.each([
    [
      { runtime: 'wasm', device: 'cpu' },
      { runtime: 'wasm', device: 'cpu' },
    ],
    [
      { runtime: 'tensorflow', device: 'CPU:0' },
      { runtime: 'tensorflow', device: 'cpu' },
    ],
    [
      { runtime: 'tensorflow', device: 'GPU:0' },
      { runtime: 'tensorflow', device: 'gpu' },
    ],
    [{ runtime: 'pytorch', device: 'cuda:0' }, null],
    [undefined, null],
  ])('%j is %j', (start, expected) => expect(pinOf(start)).toEqual(expected));

  it('is what somebody says, where somebody does', async () => {
    const run = { name: 'one', start: { runtime: 'tensorflow', device: 'GPU:0' } };
    expect(await pinFor(run, 'wasm', 'sat resume one')).toEqual({ runtime: 'wasm', device: 'auto' });
    await expect(pinFor(run, undefined, 'sat resume one')).rejects.toThrow('one was computed by TensorFlow');
  });
});
