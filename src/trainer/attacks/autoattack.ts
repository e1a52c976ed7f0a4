import type { AttackOptions } from '../../protocol/attacks';
import { apgdCe, apgdDlr, apgdT } from './apgd';
import { attempted, inTurn, type Attack } from './attack';
import { fab, fabT } from './fab';
import { square } from './square';

type Options = AttackOptions<'autoattack'>;

/** A part of AutoAttack, by name. */
export interface Part {
  name: string;
  attack: Attack;
}

/**
 * The attacks of each version in their order (Croce and Hein, ICML 2020; facts 4.1). `2020` is AA of July 2020 and
 * `2020-plus` its AA+, which today's `plus` repeats.
 */
export function partsOf({ norm, epsilon, seed, version }: Options): Part[] {
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

/** AutoAttack: its parts one after the other, each on what is still classified right. */
export function autoattack(options: Options): Attack {
  return async (victim, points, random) => {
    const attempts = partsOf(options).map(
      ({ attack }) =>
        async (left: typeof points) =>
          attempted(victim, left, await attack(victim, left, random)),
    );
    return (await inTurn(victim, points, new Uint8Array(points.labels.length), attempts)).images;
  };
}
