import { installedRuntimesFolder } from '../protocol/installedRuntime';
import type { StartEvent } from '../protocol/events';
import { pinSchema, type Pin } from '../protocol/run';
import type { Run } from './run';
import { readInstalled } from './runtimeInstall/installed';

/** What computed a run before is not there. Its message says how to allow something else. */
export class RuntimeGoneError extends Error {}

/**
 * What has to compute a run that goes on or is repeated, so that it never moves to another runtime or device in silence.
 * @param start how it told of its beginning, if it did
 * @returns null: it never began, or is another program's, and whatever its configuration says will do
 */
export function pinOf(start: Pick<StartEvent, 'runtime' | 'device'> | undefined): Pin | null {
  const device = start?.device?.startsWith('GPU') ? 'gpu' : 'cpu';
  return pinSchema.safeParse({ runtime: start?.runtime, device }).data ?? null;
}

/** How many threads a run goes on or is repeated with: as many as it had, unless something else may compute it. */
export function threadsFor(
  run: Pick<Run, 'start' | 'record'>,
  runtime: Pin['runtime'] | undefined,
): number | undefined {
  return runtime === undefined ? (run.start?.threads ?? run.record?.threads ?? undefined) : undefined;
}

/**
 * The pin of a run that goes on or is repeated.
 * @param runtime what may compute it by somebody's will; by default what did before
 * @param command the command that takes such a will
 * @throws RuntimeGoneError when what did before is not installed
 */
export async function pinFor(
  run: { name: string; start: Pick<StartEvent, 'runtime' | 'device'> | undefined },
  runtime: Pin['runtime'] | undefined,
  command: string,
): Promise<Pin | null> {
  if (runtime !== undefined) return { runtime, device: 'auto' };
  const pin = pinOf(run.start);
  if (await isGone(pin)) {
    throw new RuntimeGoneError(
      `${run.name} was computed by TensorFlow, which is not installed here. Run "sat runtime install", or allow another runtime: ${command} --runtime auto.`,
    );
  }
  return pin;
}

/** Whether what computed something is no longer installed. */
export async function isGone(pin: Pin | null): Promise<boolean> {
  return pin?.runtime === 'tensorflow' && !(await readInstalled(installedRuntimesFolder()));
}
