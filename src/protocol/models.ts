import * as z from 'zod';

const smallCnn = z
  .strictObject({ name: z.literal('small-cnn') })
  .describe(
    'Three 3×3 convolutions (16, 32, max-pool, 32 channels) with batch norm, and a linear layer. For small images.',
  );

const resnet20 = z
  .strictObject({ name: z.literal('resnet20') })
  .describe('ResNet-20 for small images: 16, 32 and 64 channels, 0.27 million parameters.');

export const modelSchema = z.discriminatedUnion('name', [smallCnn, resnet20]);
export type ModelConfig = z.output<typeof modelSchema>;
export type ModelName = ModelConfig['name'];
