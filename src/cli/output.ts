import Table from 'cli-table3';

/** A wrong call or a wrong configuration: exit code 2. */
export class UsageError extends Error {}

/** How often a log is told how far something is, in milliseconds. */
export const logPace = 60_000;

/** What people read goes to standard error or is a table; what programs read is one JSON document. */
export const print = {
  error(message: string): void {
    process.stderr.write(`sat: ${message}\n`);
  },
  note(message: string): void {
    process.stderr.write(`${message}\n`);
  },
  line(message: string): void {
    process.stdout.write(`${message}\n`);
  },
  json(value: unknown): void {
    process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  },
};

/** A table with no lines between rows. */
export function table(head: string[], rows: string[][]): string {
  const none = Object.fromEntries(
    [
      'top',
      'top-mid',
      'top-left',
      'top-right',
      'bottom',
      'bottom-mid',
      'bottom-left',
      'bottom-right',
      'left',
      'left-mid',
      'mid',
      'mid-mid',
      'right',
      'right-mid',
    ].map((place) => [place, '']),
  );
  const made = new Table({
    head,
    chars: { ...none, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  made.push(...rows);
  return made.toString();
}
