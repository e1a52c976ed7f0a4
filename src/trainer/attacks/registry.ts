import type { AttackConfig, AttackName, AttackOptions } from '../../protocol/attacks';
import { apgdCe, apgdDlr, apgdT } from './apgd';
import type { Attack, Part } from './attack';
import { autoattack } from './autoattack';
import { fab, fabT } from './fab';
import { fgsm } from './fgsm';
import { multiTargeted } from './multiTargeted';
import { pgd, pgd20 } from './pgd';
import { square } from './square';

const factories: { [N in AttackName]: (options: AttackOptions<N>) => Attack | Part[] } = {
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

/** Makes the attack that a configuration names: itself, or the attacks that it is made of, in their order. */
export function createAttack<N extends AttackName>(options: AttackOptions<N> & AttackConfig): Part[] {
  const name: N = options.name;
  const made = factories[name](options);
  return Array.isArray(made) ? made : [{ name, attack: made }];
}
