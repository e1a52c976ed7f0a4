import * as z from 'zod';

/** A metric's value on the wire: NaN and the infinities travel as strings, since JSON has none. */
const wireNumber = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity']).transform((text) => Number(text))]);

const step = z.int().min(0);

/**
 * Events, one JSON object a line. They are read loosely: a program needs to give only what has no default here, and
 * what a newer one adds is kept.
 */
const start = z.looseObject({
  event: z.literal('start'),
  time: z.number().optional(),
  runtime: z.string().optional(),
  device: z.string().optional(),
  steps: z.number().optional(),
  epochs: z.number().optional(),
  fromStep: step.optional(),
  /** Of what computes, such as TensorFlow, by name. */
  versions: z.record(z.string(), z.string()).optional().catch(undefined),
  /** How many threads compute one operation: on a CPU the numbers depend on it. */
  threads: z.int().optional().catch(undefined),
  /** A fingerprint of the data set: equal for equal data. */
  data: z.string().optional().catch(undefined),
});
export type StartEvent = z.output<typeof start>;

/**
 * What a robust accuracy was measured on and with: how many test images, the ball, and the attack’s other options, which
 * older programs do not tell.
 */
const aboutSchema = z.looseObject({
  images: z.int(),
  epsilon: z.number(),
  norm: z.string(),
  /** For how many of the images an estimate stands that is told before all were attacked. */
  seen: z.int().optional(),
});
export type About = z.output<typeof aboutSchema>;

const metrics = z.looseObject({
  event: z.literal('metrics'),
  step,
  epoch: z.number().optional(),
  time: z.number().optional(),
  values: z.record(z.string(), wireNumber),
  /** By the name of the metric. */
  about: z.record(z.string(), aboutSchema).optional().catch(undefined),
});
const checkpoint = z.looseObject({
  event: z.literal('checkpoint'),
  step,
  epoch: z.number().optional(),
  path: z.string(),
});
const log = z.looseObject({
  event: z.literal('log'),
  level: z.enum(['info', 'warn', 'error']).catch('info'),
  message: z.string(),
});
const end = z.looseObject({
  event: z.literal('end'),
  status: z.enum(['completed', 'failed', 'stopped']),
  message: z.string().optional(),
  time: z.number().optional(),
});

export const eventSchema = z.discriminatedUnion('event', [start, metrics, checkpoint, log, end]);
export type RunEvent = z.output<typeof eventSchema>;
export type MetricsEvent = Extract<RunEvent, { event: 'metrics' }>;

/** Reads one line; undefined when it is not an event (another program's print, a torn line): that belongs in the log. */
export function parseEvent(line: string): RunEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const result = eventSchema.safeParse(value);
  return result.success ? result.data : undefined;
}

/** One line of NDJSON, newline included. Values that JSON lacks travel as "NaN", "Infinity" and "-Infinity". */
export function formatEvent(event: RunEvent): string {
  return (
    JSON.stringify(event, (_key, value: unknown) =>
      typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
    ) + '\n'
  );
}
