import * as z from 'zod';
import { pixelRange } from './attacks';

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
    adaptToWidth: z
      .boolean()
      .optional()
      .describe(
        'At a base width w other than 64, use α^(w/64) and E_s·64/w, as the authors’ code does. Default: true.',
      ),
  })
  .describe('Self-adaptive training: labels corrected by a moving average of the model’s own predictions.');

const satSce = z
  .strictObject({
    name: z.literal('sat_sce'),
    alpha: sat.shape.alpha,
    startEpoch: sat.shape.startEpoch,
    adaptToWidth: sat.shape.adaptToWidth,
    reverseWeight: z.number().min(0).default(0.3).describe('Weight of the reverse cross-entropy.'),
  })
  .describe('Self-adaptive training with symmetric cross-entropy.');

const labelSmoothing = z
  .strictObject({
    name: z.literal('label_smoothing'),
    smoothing: z.number().min(0).max(1).default(0.1).describe('Share of the label spread evenly over all classes.'),
  })
  .describe('Cross-entropy with smoothed labels.');

const mixup = z
  .strictObject({
    name: z.literal('mixup'),
    alpha: z.number().positive().default(1).describe('Both parameters of the Beta distribution of the mixing share.'),
  })
  .describe('Mixup: cross-entropy on mixtures of two images and of their labels.');

const gce = z
  .strictObject({
    name: z.literal('gce'),
    q: z.number().positive().max(1).default(0.7).describe('Between cross-entropy (towards 0) and absolute error (1).'),
  })
  .describe('Generalised cross-entropy.');

const sce = z
  .strictObject({
    name: z.literal('sce'),
    alpha: z.number().min(0).default(0.1).describe('Weight of the cross-entropy.'),
    beta: z.number().min(0).default(1).describe('Weight of the reverse cross-entropy.'),
    logZero: z.number().negative().default(-4).describe('What stands for log 0 in the reverse cross-entropy.'),
  })
  .describe('Symmetric cross-entropy.');

const elr = z
  .strictObject({
    name: z.literal('elr'),
    beta: z.number().min(0).lt(1).default(0.7).describe('Momentum β of the targets, which start at zero.'),
    lambda: z.number().min(0).default(3).describe('Weight λ of the regulariser.'),
  })
  .describe('Early-learning regularisation: cross-entropy held near the model’s own early predictions.');

const coTeaching = z
  .strictObject({
    name: z.literal('co_teaching'),
    forgetRate: z
      .number()
      .min(0)
      .lt(1)
      .default(0.2)
      .describe('Share τ of a batch that is left out in the end: the share of wrong labels.'),
    gradualEpochs: z.int().min(1).default(10).describe('Epochs T_k over which that share grows from 0.'),
    exponent: z.number().positive().default(1).describe('Exponent c: until then the share grows towards τ^c.'),
  })
  .describe('Co-teaching: two networks, each trained on the samples on which the other one’s loss is small.');

const pretrainEpochs = z
  .int()
  .min(0)
  .default(0)
  .describe('Epochs of cross-entropy on the class outputs before abstention is learned.');

const selectiveSat = z
  .strictObject({ name: z.literal('selective_sat'), alpha: sat.shape.alpha, pretrainEpochs })
  .describe('Selective classification: an extra output abstains, taught by self-adaptive targets.');

const deepGamblers = z
  .strictObject({
    name: z.literal('deep_gamblers'),
    reward: z
      .number()
      .gt(1)
      .default(2.2)
      .describe(
        'Pay-off o of a right bet, more than 1. Abstaining pays 1/o: with as many classes as that or fewer, no more than a guess.',
      ),
    pretrainEpochs,
  })
  .describe('Deep Gamblers: an extra output abstains, and pays back a part of the stake.');

/** The inner maximisation of the adversarial methods, with the authors' numbers. */
const perturbation = {
  epsilon: z
    .number()
    .min(0)
    .max(1, pixelRange)
    .default(0.031)
    .describe('Radius ε of the L∞ ball, in pixels of [0, 1].'),
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

export const methodSchema = z.discriminatedUnion('name', [
  erm,
  sat,
  satSce,
  labelSmoothing,
  mixup,
  gce,
  sce,
  elr,
  coTeaching,
  selectiveSat,
  deepGamblers,
  adversarialTraining,
  trades,
  tradesSat,
]);
export type MethodConfig = z.output<typeof methodSchema>;
export type MethodName = MethodConfig['name'];
export type MethodOptions<N extends MethodName> = Extract<MethodConfig, { name: N }>;

/** How a method is called in the interface: a short name, and what it does in words. */
export const methodTitles: Record<MethodName, { short: string; long: string }> = {
  erm: { short: 'ERM', long: 'Cross-entropy with the given labels' },
  sat: { short: 'SAT', long: 'Labels corrected by the model’s own predictions' },
  sat_sce: { short: 'SAT-SCE', long: 'Corrected labels with symmetric cross-entropy' },
  label_smoothing: { short: 'Smoothing', long: 'Labels spread a little over all classes' },
  mixup: { short: 'Mixup', long: 'Mixtures of two images and of their labels' },
  gce: { short: 'GCE', long: 'A loss between cross-entropy and absolute error' },
  sce: { short: 'SCE', long: 'Cross-entropy in both directions' },
  elr: { short: 'ELR', long: 'Held near the model’s own early predictions' },
  co_teaching: { short: 'Co-teaching', long: 'Two networks choose samples for each other' },
  selective_sat: { short: 'Selective SAT', long: 'Abstains where its own predictions disagree with the label' },
  deep_gamblers: { short: 'Gamblers', long: 'Abstains as a bet that pays back a part' },
  adversarial_training: { short: 'PGD-AT', long: 'Cross-entropy on adversarial images' },
  trades: { short: 'TRADES', long: 'Accuracy traded against adversarial robustness' },
  trades_sat: { short: 'TRADES+SAT', long: 'TRADES with labels corrected by the model’s own predictions' },
};

/** Methods whose network has one output more than there are classes, for abstention. */
export const abstainingMethods: ReadonlySet<MethodName> = new Set(['selective_sat', 'deep_gamblers']);

/** Methods that carry soft targets from visit to visit. */
export const softTargetMethods: ReadonlySet<MethodName> = new Set([
  'sat',
  'sat_sce',
  'elr',
  'selective_sat',
  'trades_sat',
]);
