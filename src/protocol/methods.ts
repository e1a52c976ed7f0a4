import * as z from 'zod';

/**
 * The training methods and their options. A method is one entry here (its options, from which completion, forms and
 * checks follow) and one file in src/trainer/methods.
 */

const erm = z
  .strictObject({ name: z.literal('erm') })
  .describe('Empirical risk minimisation: cross-entropy with the given labels.');

const sat = z
  .strictObject({
    name: z.literal('sat'),
    alpha: z
      .number()
      .min(0)
      .max(1)
      .default(0.9)
      .describe('Momentum α of the soft targets: t ← α·t + (1 − α)·p at each visit of a sample.'),
    startEpoch: z
      .int()
      .min(0)
      .default(60)
      .describe('Number of plain cross-entropy epochs (E_s) before the targets begin to move.'),
  })
  .describe('Self-adaptive training: labels corrected by a moving average of the model’s own predictions.');

export const methodSchema = z.discriminatedUnion('name', [erm, sat]);
export type MethodConfig = z.output<typeof methodSchema>;
export type MethodName = MethodConfig['name'];
export type MethodOptions<N extends MethodName> = Extract<MethodConfig, { name: N }>;

/** How a method is called in the interface: a short name, and what it does in words. */
export const methodTitles: Record<MethodName, { short: string; long: string }> = {
  erm: { short: 'ERM', long: 'Cross-entropy with the given labels' },
  sat: { short: 'SAT', long: 'Labels corrected by the model’s own predictions' },
};
