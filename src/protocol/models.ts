import * as z from 'zod';

const smallCnn = z
  .strictObject({ name: z.literal('small-cnn') })
  .describe(
    'Three 3×3 convolutions (16, 32, max-pool, 32 channels) with batch norm, and a linear layer. For small images.',
  );

const mlp = z
  .strictObject({
    name: z.literal('mlp'),
    hidden: z.array(z.int().min(1)).default([512, 512]).describe('Units of each hidden layer.'),
  })
  .describe('Multi-layer perceptron: linear layers with ReLU in between.');

const resnet20 = z
  .strictObject({ name: z.literal('resnet20') })
  .describe('ResNet-20 for small images: 16, 32 and 64 channels, 0.27 million parameters.');

const resnet32 = z
  .strictObject({ name: z.literal('resnet32') })
  .describe('ResNet-32 for small images: 16, 32 and 64 channels, 0.47 million parameters.');

const width = z
  .int()
  .min(1)
  .default(64)
  .describe('Base width w: the stages have w, 2w, 4w and 8w channels. Double descent runs over it.');

const resnet18 = z
  .strictObject({ name: z.literal('resnet18'), width })
  .describe('ResNet-18 for small images, as the authors’: 11.2 million parameters at width 64.');

const resnet34 = z
  .strictObject({ name: z.literal('resnet34'), width })
  .describe('ResNet-34 for small images, as the authors’: 21.3 million parameters at width 64.');

const wrn = z
  .strictObject({
    name: z.literal('wrn'),
    depth: z
      .int()
      .min(10)
      .refine((depth) => (depth - 4) % 6 === 0, 'expected 6n + 4, such as 16, 28, 34 or 40')
      .default(34)
      .describe('Layers: 6n + 4, such as 16, 28, 34 or 40.'),
    widenFactor: z.int().min(1).default(10).describe('The stages have 16, 32 and 64 times as many channels.'),
  })
  .describe('Wide residual network: WRN-34-10 (the authors’ wrn34, 46.2 million parameters), WRN-28-10 and others.');

const vgg16Bn = z
  .strictObject({ name: z.literal('vgg16-bn') })
  .describe('VGG-16 with batch norm and dropout, for selective classification. Images of 32×32 or more.');

export const modelSchema = z.discriminatedUnion('name', [
  smallCnn,
  mlp,
  resnet20,
  resnet32,
  resnet18,
  resnet34,
  wrn,
  vgg16Bn,
]);
export type ModelConfig = z.output<typeof modelSchema>;
export type ModelName = ModelConfig['name'];
export type ModelOptions<N extends ModelName> = Extract<ModelConfig, { name: N }>;
