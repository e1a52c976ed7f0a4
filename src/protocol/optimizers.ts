import * as z from 'zod';

export const scheduleSchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('constant') }).describe('The same learning rate in every epoch.'),
  z
    .strictObject({ name: z.literal('cosine') })
    .describe('Half a cosine from the learning rate towards 0 over all epochs, stepped once an epoch.'),
  z
    .strictObject({
      name: z.literal('step'),
      milestones: z
        .array(z.int().min(1))
        .default([])
        .describe('Epochs (0-based) from which the rate is multiplied by gamma.'),
      gamma: z.number().positive().max(1).default(0.1).describe('Factor at each milestone.'),
    })
    .describe('Multiplied by gamma at each milestone.'),
]);
export type ScheduleConfig = z.output<typeof scheduleSchema>;

const weightDecay = z
  .number()
  .min(0)
  .describe('L2 penalty added to the gradient of every trainable weight, batch norm and biases included.');

const sgd = z
  .strictObject({
    name: z.literal('sgd'),
    learningRate: z.number().positive().default(0.1).describe('Initial learning rate.'),
    momentum: z.number().min(0).lt(1).default(0.9).describe('Momentum, in [0, 1). No Nesterov.'),
    weightDecay: weightDecay.default(0.0005),
    schedule: scheduleSchema.prefault({ name: 'cosine' }),
  })
  .describe('Stochastic gradient descent with momentum, as in PyTorch.');

const adam = z
  .strictObject({
    name: z.literal('adam'),
    learningRate: z.number().positive().default(0.001).describe('Initial learning rate.'),
    beta1: z.number().min(0).lt(1).default(0.9).describe('Decay of the first moment.'),
    beta2: z.number().min(0).lt(1).default(0.999).describe('Decay of the second moment.'),
    epsilon: z.number().positive().default(1e-8).describe('Added to the root of the second moment.'),
    weightDecay: weightDecay.default(0),
    schedule: scheduleSchema.prefault({ name: 'constant' }),
  })
  .describe('Adam, as in PyTorch (weight decay as an L2 penalty).');

export const optimizerSchema = z.discriminatedUnion('name', [sgd, adam]);
export type OptimizerConfig = z.output<typeof optimizerSchema>;
export type OptimizerName = OptimizerConfig['name'];
