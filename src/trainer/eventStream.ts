import { writeSync } from 'node:fs';
import { messageOf } from '../protocol/errors';
import { formatEvent, type RunEvent } from '../protocol/events';
import { Problem } from './problem';

/** Where events go: the standard output, which the launcher has made the run's `metrics.ndjson`. */
export interface EventSink {
  emit(event: RunEvent): void;
}

/**
 * Writes each event at once and completely, so that a reader sees it now and a crash loses nothing.
 * @throws Problem when the file system refuses, for example because no space is left.
 */
export function eventStream(descriptor: number): EventSink {
  return {
    emit(event) {
      const bytes = Buffer.from(formatEvent(event));
      let written = 0;
      while (written < bytes.length) {
        try {
          written += writeSync(descriptor, bytes, written);
        } catch (error) {
          // A full pipe is not an error: whoever reads it is slower than we are.
          if (isCode(error, 'EAGAIN')) continue;
          throw new Problem(
            `The events could not be written (${messageOf(error)}). Free some space, then resume the run.`,
          );
        }
      }
    },
  };
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
