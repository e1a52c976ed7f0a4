import type { AttackOptions } from '../../protocol/attacks';
import { apgdCe, apgdDlr, apgdT } from './apgd';
import type { Part } from './attack';
import { fab, fabT } from './fab';
import { square } from './square';

type Options = AttackOptions<'autoattack'>;

/**
 * The attacks of each version in their order (Croce and Hein, ICML 2020; facts 4.1). `2020` is AA of July 2020 and
 * `2020-plus` its AA+, which today's `plus` repeats.
 */
export function autoattack({ norm, epsilon, seed, version }: Options): Part[] {
  const common = { norm, epsilon, seed, steps: 100 };
  const boundary = { ...common, alphaMax: 0.1, eta: 1.05, beta: 0.9 };
  const targets = 9;
  const parts = {
    'apgd-ce': (restarts: number, eotSteps = 1) => apgdCe({ name: 'apgd-ce', ...common, restarts, eotSteps }),
    'apgd-dlr': (restarts: number, eotSteps = 1) => apgdDlr({ name: 'apgd-dlr', ...common, restarts, eotSteps }),
    'apgd-t': (restarts: number) => apgdT({ name: 'apgd-t', ...common, restarts, targets }),
    fab: (restarts: number) => fab({ name: 'fab', ...boundary, restarts }),
    'fab-t': (restarts: number) => fabT({ name: 'fab-t', ...boundary, restarts, targets }),
    square: (restarts: number) =>
      square({ name: 'square', norm, epsilon, seed, queries: 5000, initialShare: 0.8, restarts }),
  };
  const part = (name: keyof typeof parts, restarts: number, eotSteps?: number): Part => ({
    name,
    attack: parts[name](restarts, eotSteps),
  });
  const july = [part('apgd-ce', 5), part('apgd-dlr', 5), part('fab', 5), part('square', 1)];
  const plus = [...july, part('apgd-t', 1), part('fab-t', 1)];
  switch (version) {
    case 'standard':
      return [part('apgd-ce', 1), part('apgd-t', 1), part('fab-t', 1), part('square', 1)];
    case 'rand':
      return [part('apgd-ce', 1, 20), part('apgd-dlr', 1, 20)];
    case '2020':
      return july;
    case '2020-plus':
    case 'plus':
      return plus;
  }
}
