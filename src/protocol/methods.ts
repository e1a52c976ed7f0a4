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

/** The inner maximisation of the adversarial methods, with the authors' numbers. */
const perturbation = {
  epsilon: z.number().min(0).default(0.031).describe('Radius ε of the L∞ ball, in pixels of [0, 1].'),
  stepSize: z.number().positive().default(0.007).describe('Size of one step of the attack, in pixels of [0, 1].'),
  steps: z.int().min(1).default(10).describe('Steps of the attack on each batch.'),
};
const beta = z.number().min(0).default(6).describe('Weight β of the divergence between natural and perturbed images.');

const adversarialTraining = z
  .strictObject({ name: z.literal('adversarial_training'), ...perturbation })
  .describe('Adversarial training: cross-entropy on images perturbed by projected gradient descent.');

const trades = z
  .strictObject({ name: z.literal('trades'), beta, ...perturbation })
  .describe('TRADES: cross-entropy plus β times the divergence between natural and perturbed predictions.');

const tradesSat = z
  .strictObject({
    name: z.literal('trades_sat'),
    beta,
    ...perturbation,
    alpha: sat.shape.alpha,
    startEpoch: z.int().min(0).default(69).describe('Number of epochs with the given labels before the targets move.'),
  })
  .describe('TRADES whose natural term corrects the labels as self-adaptive training does.');

export const methodSchema = z.discriminatedUnion('name', [erm, sat, adversarialTraining, trades, tradesSat]);
export type MethodConfig = z.output<typeof methodSchema>;
export type MethodName = MethodConfig['name'];
export type MethodOptions<N extends MethodName> = Extract<MethodConfig, { name: N }>;

/** How a method is called in the interface: a short name, and what it does in words. */
export const methodTitles: Record<MethodName, { short: string; long: string }> = {
  erm: { short: 'ERM', long: 'Cross-entropy with the given labels' },
  sat: { short: 'SAT', long: 'Labels corrected by the model’s own predictions' },
  adversarial_training: { short: 'PGD-AT', long: 'Cross-entropy on adversarial images' },
  trades: { short: 'TRADES', long: 'Accuracy traded against adversarial robustness' },
  trades_sat: { short: 'TRADES+SAT', long: 'TRADES with labels corrected by the model’s own predictions' },
};
