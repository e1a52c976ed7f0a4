import type { AttackOptions } from '../../protocol/attacks';
import { attempted, inTurn, type Attack, type Attempt } from './attack';
import { ascend } from './pgd';
import type { Points } from './victim';

/**
 * MultiTargeted (Gowal et al., 2019; facts 4.3): PGD that raises z_t − z_y, for every other class t in turn, each from
 * a random start of its own, and all of that `restarts` times. The worst of all counts.
 */
export function multiTargeted(options: AttackOptions<'multi-targeted'>): Attack {
  return async (victim, points, random) => {
    const ascent = { ...options, loss: 'difference', randomStart: true } as const;
    const attempt =
      (offset: number) =>
      async (left: Points): Promise<Attempt> => {
        const targets = left.labels.map((label) => (label + offset) % victim.classes);
        return attempted(victim, left, await ascend(victim, left, ascent, random, targets));
      };
    const targets = Array.from({ length: victim.classes - 1 }, (_, i) => attempt(i + 1));
    const attempts = Array.from({ length: options.restarts }, () => targets).flat();
    return (await inTurn(victim, points, new Uint8Array(points.labels.length), attempts)).images;
  };
}
