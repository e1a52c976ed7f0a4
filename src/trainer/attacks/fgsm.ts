import type { AttackOptions } from '../../protocol/attacks';
import { gradientPasses, type Attack, type Plan } from './attack';
import { classesNeeded } from './losses';
import { ascend } from './pgd';

/** Fast gradient sign method (Goodfellow, Shlens and Szegedy, ICLR 2015): one step of size ε from the image. */
export function fgsm({ name, norm, epsilon }: AttackOptions<'fgsm'>): Plan {
  const options = { loss: 'ce', norm, epsilon, stepSize: epsilon, steps: 1, randomStart: false } as const;
  const attack: Attack = (victim, points, random) => ascend(victim, points, options, random);
  return { classes: classesNeeded.ce, parts: () => [{ name, passes: gradientPasses, attack }] };
}
