/** Thrown between two pieces of a long computation that was asked to stop. */
class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** Lets signals and timers in between two pieces of work. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets signals in, and ends what awaits it when a stop was asked for. */
export function stoppable(stopRequested: () => boolean): () => Promise<void> {
  return async () => {
    await breathe();
    if (stopRequested()) throw new Stopped();
  };
}

/** Whether something ended because it was asked to stop. */
export function isStopped(error: unknown): boolean {
  return error instanceof Stopped;
}

/** What a computation that awaits a {@link stoppable} gives, or undefined when it was stopped. */
export async function unlessStopped<T>(compute: () => Promise<T>): Promise<T | undefined> {
  try {
    return await compute();
  } catch (error) {
    if (isStopped(error)) return undefined;
    throw error;
  }
}
