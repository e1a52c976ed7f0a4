import type { AttackOptions } from '../../protocol/attacks';
import type { Attack } from './attack';
import { ascend } from './pgd';

/** Fast gradient sign method (Goodfellow, Shlens and Szegedy, ICLR 2015): one step of size ε from the image. */
export function fgsm({ norm, epsilon }: AttackOptions<'fgsm'>): Attack {
  const options = { loss: 'ce', norm, epsilon, stepSize: epsilon, steps: 1, randomStart: false } as const;
  return (victim, points, random) => ascend(victim, points, options, random);
}
