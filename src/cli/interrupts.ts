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
