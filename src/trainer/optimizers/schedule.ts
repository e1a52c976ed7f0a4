import type { OptimizerConfig } from '../../protocol/optimizers';

/**
 * The learning rate of an epoch. Schedules are stepped once an epoch, as the authors do.
 * @param epoch 0-based @param epochs of the whole run (T_max of the cosine)
 */
export function learningRateAt({ learningRate, schedule }: OptimizerConfig, epoch: number, epochs: number): number {
  switch (schedule.name) {
    case 'constant':
      return learningRate;
    case 'cosine':
      return (learningRate * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2;
    case 'step':
      return learningRate * schedule.gamma ** schedule.milestones.filter((milestone) => epoch >= milestone).length;
  }
}
