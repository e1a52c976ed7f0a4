/**
 * Takes Ctrl-C, and a request to end, into one's own hands.
 * @param stop called each time. @param nth 1 for the first
 */
export function onInterrupt(stop: (nth: number) => void): { dispose: () => void } {
  let nth = 0;
  const listener = () => {
    nth += 1;
    stop(nth);
  };
  process.on('SIGINT', listener).on('SIGTERM', listener);
  return { dispose: () => void process.off('SIGINT', listener).off('SIGTERM', listener) };
}

/**
 * Takes it for no error when who reads the output has seen enough, as `head` has: what is followed stops as at Ctrl-C,
 * and anything else ends by itself, unread.
 */
export function endWithReader(): void {
  let gone = false;
  const listener = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    // Each further write fails too, and a second Ctrl-C would end at once.
    if (!gone) process.emit('SIGINT');
    gone = true;
  };
  // Both may go to the same reader.
  process.stdout.on('error', listener);
  process.stderr.on('error', listener);
}
