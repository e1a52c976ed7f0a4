import {
  attackSchema,
  attackTitles,
  type AttackConfig,
  type AttackName,
  type AttackOptions,
} from '../../protocol/attacks';
import { Problem } from '../problem';
import { apgdCe, apgdDlr, apgdT } from './apgd';
import type { Part, Plan } from './attack';
import { autoattack } from './autoattack';
import { fab, fabT } from './fab';
import { fgsm } from './fgsm';
import { multiTargeted } from './multiTargeted';
import { pgd, pgd20 } from './pgd';
import { square } from './square';

const factories: { [N in AttackName]: (options: AttackOptions<N>) => Plan } = {
  fgsm,
  pgd,
  pgd20,
  'apgd-ce': apgdCe,
  'apgd-dlr': apgdDlr,
  'apgd-t': apgdT,
  fab,
  'fab-t': fabT,
  square,
  'multi-targeted': multiTargeted,
  autoattack,
};

/**
 * Makes the attack that a configuration names: the attempts that it consists of, in their order.
 * @throws Problem when there are too few classes for it
 */
export function createAttack(options: AttackConfig, classes: number): Part[] {
  const plan = planOf(options);
  if (classes >= plan.classes) return plan.parts(classes);
  const names = Object.keys(attackTitles).filter((name) => planOf(attackSchema.parse({ name })).classes <= classes);
  throw new Problem(
    `${attackTitles[options.name]} needs ${plan.classes} classes, the data have ${classes}. Choose one of ${names.join(', ')}.`,
  );
}

function planOf<N extends AttackName>(options: AttackOptions<N> & AttackConfig): Plan {
  const name: N = options.name;
  return factories[name](options);
}
