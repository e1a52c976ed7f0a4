import type { AttackOptions } from '../../protocol/attacks';
import { gradientPasses, towardsEach, type Plan } from './attack';
import { classesNeeded } from './losses';
import { ascend } from './pgd';

/**
 * MultiTargeted (Gowal et al., 2019; facts 4.3): PGD that raises z_t − z_y, for every other class t in turn, each from
 * random starts of its own. The worst of all counts.
 */
export function multiTargeted({ name, restarts, ...options }: AttackOptions<'multi-targeted'>): Plan {
  const ascent = { ...options, loss: 'difference', randomStart: true } as const;
  return {
    classes: classesNeeded.difference,
    parts: (classes) =>
      towardsEach({ targets: classes - 1, restarts }, classes, (offset) => ({
        name,
        passes: options.steps * gradientPasses,
        attack: (victim, points, random) => {
          const targets = points.labels.map((label) => (label + offset) % classes);
          return ascend(victim, points, ascent, random, targets);
        },
      })),
  };
}
