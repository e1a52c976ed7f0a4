import { autoattackParts, randEotSteps, type AttackOptions } from '../../protocol/attacks';
import { apgdCe, apgdDlr, apgdT } from './apgd';
import type { Plan } from './attack';
import { fab, fabT } from './fab';
import { square } from './square';

/** AutoAttack with the authors' options of each of its parts (facts 4.1). */
export function autoattack({ norm, epsilon, seed, version }: AttackOptions<'autoattack'>): Plan {
  const common = { norm, epsilon, seed, steps: 100 };
  const eotSteps = version === 'rand' ? randEotSteps : 1;
  const boundary = { ...common, alphaMax: 0.1, eta: 1.05, beta: 0.9 };
  const targets = 9;
  const factories = {
    'apgd-ce': (restarts: number) => apgdCe({ name: 'apgd-ce', ...common, restarts, eotSteps }),
    'apgd-dlr': (restarts: number) => apgdDlr({ name: 'apgd-dlr', ...common, restarts, eotSteps }),
    'apgd-t': (restarts: number) => apgdT({ name: 'apgd-t', ...common, restarts, targets }),
    fab: (restarts: number) => fab({ name: 'fab', ...boundary, restarts }),
    'fab-t': (restarts: number) => fabT({ name: 'fab-t', ...boundary, restarts, targets }),
    square: (restarts: number) =>
      square({ name: 'square', norm, epsilon, seed, queries: 5000, initialShare: 0.8, restarts }),
  };
  const plans = autoattackParts[version].map(([name, restarts]) => factories[name](restarts));
  return {
    classes: Math.max(...plans.map(({ classes }) => classes)),
    parts: (classes) => plans.flatMap(({ parts }) => parts(classes)),
  };
}
