import * as z from 'zod';

/**
 * The attacks and their options. An attack is one entry here (its options, from which completion, forms and checks
 * follow) and one file in src/trainer/attacks.
 */

const limit = z.int().min(1).optional().describe('Attack the first n test images only. Default: all of them.');
const seed = z.int().min(0).max(0xffffffff).default(0).describe('Seed of the attack’s random numbers.');
const epsilon = z
  .number()
  .min(0)
  .default(0.031)
  .describe('Radius ε of the ball, in pixels of [0, 1]. Usual are 0.031 or 8/255 for L∞ and 0.5 for L2 on CIFAR-10.');
const norm = z.enum(['linf', 'l2']).default('linf').describe('The norm that ε bounds.');
const common = { norm, epsilon, seed, limit };
export type Norm = z.output<typeof norm>;

const restarts = z.int().min(1).default(1).describe('Random restarts; each sees only what is still classified right.');
const steps = z.int().min(1).describe('Steps, each one gradient.');
const stepSize = z.number().positive().describe('Size of a step, in pixels of [0, 1].');
const targets = z.int().min(1).default(9).describe('Target classes, the likeliest first; at most all others.');
const eotSteps = z
  .int()
  .min(1)
  .default(1)
  .describe('Gradients that are averaged at each step, for networks that draw random numbers.');

const fgsm = z
  .strictObject({ name: z.literal('fgsm'), ...common })
  .describe('Fast gradient sign method: one step of size ε.');

const pgd = z
  .strictObject({
    name: z.literal('pgd'),
    ...common,
    steps: steps.default(20),
    stepSize: stepSize.default(0.003),
    restarts,
    randomStart: z.boolean().default(true).describe('Begin at a random point of the ball, not at the image.'),
  })
  .describe('Projected gradient descent on the cross-entropy.');

const pgd20 = z
  .strictObject({
    name: z.literal('pgd20'),
    ...common,
    steps: steps.default(20),
    stepSize: stepSize.default(0.003),
    restarts,
  })
  .describe('PGD-20 as the authors evaluate: 20 steps of 0.003 from a random point, one restart, the last iterate.');

const apgd = { ...common, steps: steps.default(100), restarts };

const apgdCe = z
  .strictObject({ name: z.literal('apgd-ce'), ...apgd, eotSteps })
  .describe('Auto-PGD on the cross-entropy: steps that halve when they no longer help.');

const apgdDlr = z
  .strictObject({ name: z.literal('apgd-dlr'), ...apgd, eotSteps })
  .describe('Auto-PGD on the difference of logits ratio. Needs 3 classes.');

const apgdT = z
  .strictObject({ name: z.literal('apgd-t'), ...apgd, targets })
  .describe('Auto-PGD on the targeted difference of logits ratio, target by target. Needs 4 classes.');

const fabOptions = {
  ...common,
  steps: steps.default(100),
  restarts,
  alphaMax: z.number().min(0).max(1).default(0.1).describe('Largest share of the way back towards the image.'),
  eta: z.number().min(1).default(1.05).describe('Overshooting beyond the boundary.'),
  beta: z.number().min(0).max(1).default(0.9).describe('Share of the way that is kept after crossing the boundary.'),
};

const fab = z
  .strictObject({ name: z.literal('fab'), ...fabOptions })
  .describe('Fast adaptive boundary attack: the smallest perturbation that changes the class.');

const fabT = z
  .strictObject({ name: z.literal('fab-t'), ...fabOptions, targets })
  .describe('Fast adaptive boundary attack, target by target.');

const square = z
  .strictObject({
    name: z.literal('square'),
    ...common,
    queries: z.int().min(1).default(5000).describe('Forward passes for each image and restart.'),
    initialShare: z
      .number()
      .positive()
      .max(1)
      .default(0.8)
      .describe('Share p of the image that the first squares cover.'),
    restarts,
  })
  .describe('Square attack: random squares, without gradients.');

const multiTargeted = z
  .strictObject({
    name: z.literal('multi-targeted'),
    ...common,
    steps: steps.default(20),
    stepSize: stepSize.default(0.003),
    restarts,
  })
  .describe('MultiTargeted: PGD on the difference of two logits, against every other class in turn.');

const autoattack = z
  .strictObject({
    name: z.literal('autoattack'),
    ...common,
    version: z
      .enum(['standard', 'plus', 'rand', '2020', '2020-plus'])
      .default('standard')
      .describe(
        'standard: APGD-CE, APGD-T, FAB-T, Square. plus: with untargeted DLR and FAB, and 5 restarts. rand: for ' +
          'networks that draw random numbers. 2020 and 2020-plus: AA and AA+ as of July 2020.',
      ),
  })
  .describe('AutoAttack: several attacks in turn, each on what the others have left.');

export const attackSchema = z.discriminatedUnion('name', [
  fgsm,
  pgd,
  pgd20,
  apgdCe,
  apgdDlr,
  apgdT,
  fab,
  fabT,
  square,
  multiTargeted,
  autoattack,
]);
export type AttackConfig = z.output<typeof attackSchema>;
export type AttackName = AttackConfig['name'];
export type AttackOptions<N extends AttackName> = Extract<AttackConfig, { name: N }>;

/** How an attack is called in the interface. */
export const attackTitles: Record<AttackName, string> = {
  fgsm: 'FGSM',
  pgd: 'PGD',
  pgd20: 'PGD-20',
  'apgd-ce': 'APGD-CE',
  'apgd-dlr': 'APGD-DLR',
  'apgd-t': 'APGD-T',
  fab: 'FAB',
  'fab-t': 'FAB-T',
  square: 'Square',
  'multi-targeted': 'MultiTargeted',
  autoattack: 'AutoAttack',
};
