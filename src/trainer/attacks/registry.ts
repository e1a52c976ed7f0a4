import type { AttackConfig, AttackName, AttackOptions } from '../../protocol/attacks';
import { apgdCe, apgdDlr, apgdT } from './apgd';
import type { Attack } from './attack';
import { autoattack } from './autoattack';
import { fab, fabT } from './fab';
import { fgsm } from './fgsm';
import { multiTargeted } from './multiTargeted';
import { pgd, pgd20 } from './pgd';
import { square } from './square';

const factories: { [N in AttackName]: (options: AttackOptions<N>) => Attack } = {
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

/** Makes the attack that a configuration names. */
export function createAttack<N extends AttackName>(options: AttackOptions<N> & AttackConfig): Attack {
  const name: N = options.name;
  return factories[name](options);
}
