import * as z from 'zod';
import { messageOf } from './errors';

/** How messages travel between host and webview: plain events, and requests that are answered, errors included. */
const envelopeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('event'), message: z.unknown() }),
  z.object({ kind: z.literal('request'), id: z.int(), message: z.unknown() }),
  z.object({ kind: z.literal('reply'), id: z.int(), error: z.string().optional() }),
]);
type Envelope = z.output<typeof envelopeSchema>;

export interface ChannelOptions<In> {
  /** Puts an envelope on the wire. */
  post: (envelope: Envelope) => void;
  /** What may come in; anything else is refused. */
  incoming: z.ZodType<In>;
  /** Handles an event or a request; what it throws travels back to who asked. */
  handle: (message: In) => void | Promise<void>;
  /** Told of what cannot be answered: malformed messages, events whose handler throws. */
  onError: (message: string) => void;
}

/** One end of a typed connection. */
export class Channel<In, Out> {
  private nextId = 1;
  private readonly waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();

  constructor(private readonly options: ChannelOptions<In>) {}

  send(message: Out): void {
    this.options.post({ kind: 'event', message });
  }

  /** Resolves when the other end has done what was asked, rejects with its error. */
  request(message: Out): Promise<void> {
    const id = this.nextId;
    this.nextId += 1;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.options.post({ kind: 'request', id, message });
    });
  }

  /** To be called with everything that comes over the wire. */
  async receive(data: unknown): Promise<void> {
    const envelope = envelopeSchema.safeParse(data);
    if (!envelope.success) {
      this.options.onError('a message that is none of ours');
      return;
    }
    if (envelope.data.kind === 'reply') {
      this.settle(envelope.data.id, envelope.data.error);
      return;
    }
    const error = await this.process(envelope.data.message);
    if (envelope.data.kind === 'request') {
      this.options.post({ kind: 'reply', id: envelope.data.id, ...(error === undefined ? {} : { error }) });
    } else if (error !== undefined) {
      this.options.onError(error);
    }
  }

  private async process(message: unknown): Promise<string | undefined> {
    const parsed = this.options.incoming.safeParse(message);
    if (!parsed.success) return `a message of an unknown form: ${z.prettifyError(parsed.error)}`;
    try {
      await this.options.handle(parsed.data);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  private settle(id: number, error: string | undefined): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(new Error(error));
  }
}
