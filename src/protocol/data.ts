import * as z from 'zod';

const seed = z.int().min(0).max(0xffffffff);

const corruptedLabel = z
  .strictObject({
    type: z.literal('corrupted_label'),
    rate: z
      .number()
      .min(0)
      .max(1)
      .describe('Share of the training labels drawn anew, uniformly over all classes, in [0, 1].'),
    seed: seed.optional().describe('Seed of the noise (NumPy’s legacy generator). Default: the run’s seed.'),
    file: z.string().optional().describe('A saved noise.json to use in place of drawing, relative to this file.'),
  })
  .describe(
    'Uniform random labels, as the authors inject them: the true class can be drawn, so a share rate·(1 − 1/K) is wrong.',
  );

export const noiseSchema = z.discriminatedUnion('type', [corruptedLabel]);
export type NoiseConfig = z.output<typeof noiseSchema>;
export type NoiseType = NoiseConfig['type'];

const common = {
  root: z.string().optional().describe('Folder with the data set’s own files, relative to this file.'),
  noise: noiseSchema.optional().describe('Noise put on the whole training set before it is split.'),
  augment: z
    .boolean()
    .default(false)
    .describe('Random crop (4 pixels of zero padding) and horizontal flip of the training images.'),
  validation: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('Share of the training set, taken from its end, kept for validation, in [0, 1).'),
  limit: z.int().min(1).optional().describe('Train on the first n training samples only.'),
};

const dataSet = <N extends string>(name: N, description: string) =>
  z.strictObject({ name: z.literal(name), ...common }).describe(description);

export const dataSchema = z.discriminatedUnion('name', [
  dataSet('digits', 'Handwritten digits, 8×8 grey, 10 classes, 1,437 training and 360 test images. Built in.'),
  dataSet('mnist', 'MNIST, 28×28 grey, 10 classes, 60,000 + 10,000 images, IDX files in data.root.'),
  dataSet('fashion-mnist', 'Fashion-MNIST, 28×28 grey, 10 classes, 60,000 + 10,000 images, IDX files in data.root.'),
]);
export type DataConfig = z.output<typeof dataSchema>;
export type DataSetName = DataConfig['name'];
export const seedSchema = seed;
