import * as z from 'zod';

const seed = z.int().min(0).max(0xffffffff);

/** A noise that is drawn, or was. @param rate what its rate is a share of */
const drawn = <T extends string>(type: T, rate: string) =>
  z.strictObject({
    type: z.literal(type),
    rate: z.number().min(0).max(1).optional().describe(rate),
    seed: seed.optional().describe('Seed of the noise (NumPy’s legacy generator). Default: the run’s seed.'),
    file: z
      .string()
      .optional()
      .describe(
        'A saved noise.json to use in place of drawing, relative to this file. Its own rate holds; one given besides must be the same.',
      ),
  });

const corruptedLabel = drawn(
  'corrupted_label',
  'Share of the training labels drawn anew, uniformly over all classes, in [0, 1].',
).describe(
  'Uniform random labels, as the authors inject them: the true class can be drawn, so a share rate·(1 − 1/K) is wrong.',
);

const symmetric = drawn('symmetric', 'Share of the training labels that become wrong, in [0, 1].').describe(
  'Labels drawn uniformly among the other classes, never the true one: a share rate is wrong.',
);

const asymmetric = drawn(
  'asymmetric',
  'Share of each class that has a target in the map, in [0, 1]. The true error rate is lower when not every class has one.',
)
  .extend({
    map: z
      .record(z.string().regex(/^\d+$/, 'expected the number of a class'), z.int().min(0))
      .optional()
      .describe('Which class turns into which, by number: {"9": 1}. Default: the usual map of the data set.'),
  })
  .describe('Labels of a class turn into those of a similar one. CIFAR-10 and CIFAR-100 have their usual maps.');

const pairFlip = drawn('pair_flip', 'Share of the training labels that become wrong, in [0, 1].').describe(
  'Labels turn into the next class, the last one into the first.',
);

const instanceDependent = drawn(
  'instance_dependent',
  'Mean of the flip rates of the samples (standard deviation 0.1, cut to [0, 1]), in [0, 1].',
).describe('Wrong labels that depend on the image (Xia et al. 2020): random projections of the pixels choose them.');

const labelFile = z
  .strictObject({
    type: z.literal('label_file'),
    file: z
      .string()
      .describe(
        'Labels of the whole training set in order, relative to this file: CIFAR-N’s .pt, .npy, .json, or text, one a line.',
      ),
    key: z.string().optional().describe('Which labels of a file that holds several, such as "worse_label".'),
  })
  .describe('Labels from a file, such as human ones (CIFAR-N).');

const gaussian = drawn('Gaussian', 'Share of the training images that are replaced, in [0, 1].').describe(
  'Images replaced by Gaussian noise with the mean and standard deviation of the data. Labels stay.',
);

const randomPixels = drawn(
  'random_pixels',
  'Share of the training images whose pixels are permuted, in [0, 1].',
).describe('Pixels of an image permuted, differently for each image. Labels stay.');

const shuffledPixels = drawn(
  'shuffled_pixels',
  'Share of the training images whose pixels are permuted, in [0, 1].',
).describe('Pixels of an image permuted, in the same way for all of them. Labels stay.');

/** A noise is drawn at a rate unless it comes from a file. */
function withRateOrFile<S extends z.ZodType<{ rate?: number | undefined; file?: string | undefined }>>(noise: S): S {
  return (
    noise
      .refine(({ rate, file }) => rate !== undefined || file !== undefined, {
        path: ['rate'],
        error: 'missing, expected a number, or a saved noise.json as file',
      })
      // The same for the JSON Schema, which knows no refinements.
      .meta({ anyOf: [{ required: ['rate'] }, { required: ['file'] }] })
  );
}

export const noiseSchema = z.discriminatedUnion('type', [
  withRateOrFile(corruptedLabel),
  withRateOrFile(symmetric),
  withRateOrFile(asymmetric),
  withRateOrFile(pairFlip),
  withRateOrFile(instanceDependent),
  labelFile,
  withRateOrFile(gaussian),
  withRateOrFile(randomPixels),
  withRateOrFile(shuffledPixels),
]);
export type NoiseConfig = z.output<typeof noiseSchema>;
export type NoiseType = NoiseConfig['type'];
export type NoiseOptions<T extends NoiseType> = Extract<NoiseConfig, { type: T }>;

const augmentation = z.strictObject({
  padding: z
    .int()
    .min(0)
    .max(64)
    .default(4)
    .describe('Black pixels around an image, from which a crop of the image’s size is taken at random.'),
  flip: z.boolean().default(true).describe('Mirror each image left to right with probability ½.'),
  rotation: z
    .number()
    .min(0)
    .max(180)
    .default(0)
    .describe('Turn each image by an angle of at most so many degrees, either way, before the crop.'),
});
export type Augmentation = z.output<typeof augmentation>;

/** What is done to training images; undefined: nothing. */
export function augmentationOf({ augment }: Pick<DataConfig, 'augment'>): Augmentation | undefined {
  return augment === true ? augmentation.parse({}) : augment || undefined;
}

const common = {
  root: z.string().optional().describe('Folder with the data set’s own files, relative to this file.'),
  noise: noiseSchema.optional().describe('Noise put on the whole training set before it is split.'),
  augment: z
    .union([z.boolean(), augmentation])
    .default(false)
    .describe(
      'Change the training images at random at each visit. true: a crop with 4 pixels of black padding, and a horizontal flip, as for CIFAR; an object says otherwise.',
    ),
  validation: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('Share of the training set, taken from its end, kept for validation, in [0, 1).'),
  limit: z.int().min(1).optional().describe('Train on the first n training samples only.'),
  normalization: z
    .enum(['none'])
    .optional()
    .describe(
      'none: the network sees pixels in [0, 1], as in the authors’ adversarial scripts. Default: it first subtracts the mean of the data and divides by their standard deviation.',
    ),
};

const dataSet = <N extends string>(name: N, description: string) =>
  z.strictObject({ name: z.literal(name), ...common }).describe(description);

/** Options of images that are files of their own. */
const imageFiles = {
  size: z
    .int()
    .min(8)
    .max(512)
    .default(64)
    .describe(
      'Height and width n: the shorter side of an image is resized to n, then n × n are cut out of the centre. Decoded images are kept in the user’s cache folder (SAT_CACHE): 3·n² bytes each. A split of more than 2 GiB is read from there batch by batch.',
    ),
  trainList: z
    .string()
    .optional()
    .describe(
      'Text file in data.root that lists the training images, "path label" a line, paths relative to data.root.',
    ),
  testList: z.string().optional().describe('The same for the test images.'),
  testShare: z
    .number()
    .positive()
    .lt(1)
    .optional()
    .describe('Share of each class, taken from its end, that is for testing, where the images come in no two splits.'),
};

export const dataSchema = z.discriminatedUnion('name', [
  dataSet('digits', 'Handwritten digits, 8×8 grey, 10 classes, 1,437 training and 360 test images. Built in.'),
  dataSet('mnist', 'MNIST, 28×28 grey, 10 classes, 60,000 + 10,000 images, IDX files in data.root.'),
  dataSet('fashion-mnist', 'Fashion-MNIST, 28×28 grey, 10 classes, 60,000 + 10,000 images, IDX files in data.root.'),
  dataSet(
    'cifar10',
    'CIFAR-10, 32×32 colour, 10 classes, 50,000 + 10,000 images, binary or python version in data.root.',
  ),
  dataSet(
    'cifar100',
    'CIFAR-100, 32×32 colour, 100 fine classes, 50,000 + 10,000 images, binary or python version in data.root.',
  ),
  dataSet('svhn', 'SVHN, 32×32 colour digits, 10 classes, 73,257 + 26,032 images, MATLAB files in data.root.'),
  dataSet('stl10', 'STL-10, 96×96 colour, 10 classes, 5,000 + 8,000 images, binary files in data.root.'),
  z
    .strictObject({ name: z.literal('image-folder'), ...common, ...imageFiles })
    .describe(
      'PNG and JPEG images: train/CLASS/ and val/CLASS/ (or test/) in data.root, as of ImageNet, or files CLASS.N.jpg, both in one mixed order whatever the seed, or lists in theirs; made 64×64 unless data.size says otherwise.',
    ),
]);
export type DataConfig = z.output<typeof dataSchema>;
export type DataSetName = DataConfig['name'];
export type DataOptions<N extends DataSetName> = Extract<DataConfig, { name: N }>;
export const seedSchema = seed;
