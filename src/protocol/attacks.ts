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
  .optional()
  .describe(
    'Radius ε of the ball, in pixels of [0, 1]. Default: what is usual on CIFAR-10, 0.031 for L∞ and 0.5 for L2.',
  );
const norm = z.enum(['linf', 'l2']).default('linf').describe('The norm that ε bounds.');
const common = { norm, epsilon, seed, limit };
export type Norm = z.output<typeof norm>;

const restarts = z.int().min(1).default(1).describe('Random restarts; each sees only what is still classified right.');
const steps = z.int().min(1).describe('Steps, each one gradient.');
const stepSize = z
  .number()
  .positive()
  .optional()
  .describe(
    'Size of a step, in pixels of [0, 1]. Default: the authors’ 0.003 where so many steps of it can cross the ball, ' +
      'else 2.5 ε / steps, a usual rule.',
  );
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
    stepSize,
    restarts,
    randomStart: z.boolean().default(true).describe('Begin at a random point of the ball, not at the image.'),
  })
  .describe('Projected gradient descent on the cross-entropy.');

const pgd20 = z
  .strictObject({
    name: z.literal('pgd20'),
    ...common,
    steps: steps.default(20),
    stepSize,
    restarts,
  })
  .describe(
    'PGD-20 as the authors evaluate: 20 steps of 0.003 (longer in a ball that these cannot cross) from a random point, ' +
      'one restart, the last iterate.',
  );

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
    stepSize,
    restarts,
  })
  .describe('MultiTargeted: PGD on the difference of two logits, against every other class in turn.');

const autoattackVersions = ['standard', 'plus', 'rand', '2020', '2020-plus'] as const;

const autoattack = z
  .strictObject({
    name: z.literal('autoattack'),
    ...common,
    version: z
      .enum(autoattackVersions)
      .default('standard')
      .describe(
        'standard: APGD-CE, APGD-T, FAB-T, Square. plus: with untargeted DLR and FAB, and 5 restarts. rand: for ' +
          'networks that draw random numbers; on others it takes the same gradient 20 times. 2020 and 2020-plus: AA and AA+ as of July 2020.',
      ),
  })
  .describe('AutoAttack: several attacks in turn, each on what the others have left.');

/** The attacks as they are written down. */
const writtenSchema = z.discriminatedUnion('name', [
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

/** The usual ε of each norm on CIFAR-10: the authors' in L∞, RobustBench's in L2. */
export const usualEpsilon: Record<Norm, number> = { linf: 0.031, l2: 0.5 };

/** Said of an ε in L∞ that is larger than an image is bright: nearly always one of 255 grey levels. */
export const pixelRange =
  'is counted in pixels of [0, 1], and 1 lets every pixel be anything; 8 of 255 is 8/255, 0.0314';

/** How the authors step, whose ε is 0.031. */
const authorsStepSize = 0.003;

/** Radii that all steps together must reach for an attack to come nearly everywhere in the ball, which is two wide. */
const crossing = 1.9;

/** The step size where none is given: the authors’ 0.003, which 20 steps of cross a ball of ε 8/255, else 2.5 ε / steps. */
export function usualStepSize({ epsilon, steps }: { epsilon: number; steps: number }): number {
  return steps * authorsStepSize >= crossing * epsilon ? authorsStepSize : (2.5 * epsilon) / steps;
}

/**
 * Whether an attack’s steps are too short for its ball, in words: it then leaves images robust that are not. Undefined
 * where they are not, or where the attack has no steps of one size.
 */
export function shortSteps({ epsilon, steps, stepSize }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof epsilon !== 'number' || typeof steps !== 'number' || typeof stepSize !== 'number') return undefined;
  if (steps * stepSize >= crossing * epsilon) return undefined;
  const rounded = (value: number) => Number(value.toPrecision(3));
  return (
    `${steps} ${steps === 1 ? 'step' : 'steps'} of ${rounded(stepSize)} cannot cross a ball of ε ${rounded(epsilon)}: ` +
    `the robust accuracy is too high. Leave the step size out, or take ${rounded((2.5 * epsilon) / steps)}.`
  );
}

/** An attack with its ε and its step size filled in, so that what is recorded is what is done. */
export const attackSchema = writtenSchema
  .refine(({ norm, epsilon = 0 }) => norm !== 'linf' || epsilon <= 1, { path: ['epsilon'], error: pixelRange })
  .transform((attack) => {
    const epsilon = attack.epsilon ?? usualEpsilon[attack.norm];
    switch (attack.name) {
      case 'pgd':
      case 'pgd20':
      case 'multi-targeted':
        return { ...attack, epsilon, stepSize: attack.stepSize ?? usualStepSize({ ...attack, epsilon }) };
      default:
        return { ...attack, epsilon };
    }
  });

/** What each attack does, in a line. */
export function attackDescriptions(): ReadonlyMap<AttackName, string> {
  return new Map(writtenSchema.options.map(({ shape, description }) => [shape.name.value, description ?? '']));
}

export type AttackConfig = z.output<typeof attackSchema>;
export type AttackName = AttackConfig['name'];
export type AttackOptions<N extends AttackName> = Extract<AttackConfig, { name: N }>;

type AutoattackPart = 'apgd-ce' | 'apgd-dlr' | 'apgd-t' | 'fab' | 'fab-t' | 'square';
export type AutoattackVersion = (typeof autoattackVersions)[number];

const july: readonly [AutoattackPart, number][] = [
  ['apgd-ce', 5],
  ['apgd-dlr', 5],
  ['fab', 5],
  ['square', 1],
];
const julyPlus = [...july, ['apgd-t', 1], ['fab-t', 1]] as const;

/**
 * The attacks of each version of AutoAttack in their order, and how often each starts anew (Croce and Hein, ICML 2020;
 * facts 4.1). `2020` is AA of July 2020 and `2020-plus` its AA+, which today's `plus` repeats. `rand` averages
 * {@link randEotSteps} gradients at each step.
 */
export const autoattackParts: Record<AutoattackVersion, readonly (readonly [AutoattackPart, number])[]> = {
  standard: [
    ['apgd-ce', 1],
    ['apgd-t', 1],
    ['fab-t', 1],
    ['square', 1],
  ],
  plus: julyPlus,
  rand: [
    ['apgd-ce', 1],
    ['apgd-dlr', 1],
  ],
  '2020': july,
  '2020-plus': julyPlus,
};
export const randEotSteps = 20;

/** What AutoAttack consists of as a record names it; nothing for other attacks and versions that are not known here. */
export function autoattackPartsOf(
  attack: { name: string; version?: unknown } | undefined,
): readonly (readonly [AutoattackPart, number])[] {
  const version = autoattackVersions.find((known) => known === attack?.version);
  return attack?.name === 'autoattack' && version !== undefined ? autoattackParts[version] : [];
}

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

/**
 * How strong attacks are, from the weakest to the strongest: with the same ball and images each leaves at most as much as
 * those that it is said to beat (facts 4.4): Square, which follows no gradients, comes behind those that do. AutoAttack beats
 * what its parts are and beat.
 */
export const attacksBeaten: Record<Exclude<AttackName, 'autoattack'>, readonly AttackName[]> = {
  fgsm: [],
  square: [],
  fab: [],
  pgd20: ['fgsm', 'square'],
  pgd: ['fgsm', 'square'],
  'multi-targeted': ['fgsm', 'square'],
  'apgd-dlr': ['fgsm', 'square'],
  'apgd-ce': ['fgsm', 'square', 'pgd20', 'pgd'],
  'fab-t': ['fgsm', 'fab'],
  'apgd-t': ['fgsm', 'square', 'pgd20', 'pgd', 'multi-targeted', 'apgd-dlr'],
};

/** A rank by which attacks are sorted, the strongest has the highest; −1 for none and for those of newer versions. */
export function strengthOf(name: string): number {
  return [...Object.keys(attacksBeaten), 'autoattack'].indexOf(name);
}
