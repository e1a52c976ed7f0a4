import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Channel } from './channel';

const schema = z.object({ say: z.string() });
type Message = z.output<typeof schema>;

/** Two ends, connected as by a wire that copies. */
function pair(handle: (message: Message) => void | Promise<void>) {
  const errors: string[] = [];
  const host: Channel<Message, Message> = new Channel<Message, Message>({
    post: (envelope) => void client.receive(structuredClone(envelope)),
    incoming: schema,
    handle,
    onError: (message) => errors.push(message),
  });
  const client: Channel<Message, Message> = new Channel<Message, Message>({
    post: (envelope) => void host.receive(structuredClone(envelope)),
    incoming: schema,
    handle: () => {},
    onError: (message) => errors.push(message),
  });
  return { host, client, errors };
}

describe('a channel', () => {
  it('resolves a request when the other end has done it', async () => {
    const heard: string[] = [];
    const { client } = pair(({ say }) => void heard.push(say));
    await client.request({ say: 'hello' });
    client.send({ say: 'again' });
    await Promise.resolve();
    expect(heard).toEqual(['hello', 'again']);
  });

  it('brings an error back to who asked, each to its own', async () => {
    const { client, errors } = pair(({ say }) => {
      if (say === 'bad') throw new Error('no such run');
    });
    const results = await Promise.allSettled([client.request({ say: 'bad' }), client.request({ say: 'good' })]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    await expect(client.request({ say: 'bad' })).rejects.toThrow('no such run');
    expect(errors).toEqual([]);
  });

  it('refuses what has not the form of a message', async () => {
    const { host, errors } = pair(() => {
      throw new Error('handled');
    });
    await host.receive('garbage');
    await host.receive({ kind: 'event', message: { say: 1 } });
    await host.receive({ kind: 'event', message: { say: 'x' } });
    expect(errors).toHaveLength(3);
    expect(errors[1]).toMatch(/unknown form/);
    expect(errors[2]).toBe('handled');
  });
});
