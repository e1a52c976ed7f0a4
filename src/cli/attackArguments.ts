import { makeAttack, numberOf, readOption } from '../lab/attackText';
import { messageOf } from '../protocol/errors';
import type { EvaluationAttack } from '../protocol/evaluation';
import { UsageError } from './output';

/** What somebody says of an attack on the command line. */
export interface AttackArguments {
  attack: string;
  /** Several values ask for as many evaluations. */
  epsilon?: number[];
  steps?: number[];
  norm?: string;
  stepSize?: number;
  restarts?: number;
  seed?: number;
  /** option=value */
  set: string[];
}

/** What is no option of the attack, or is what the result is reported under. */
const saidElsewhere = new Map([
  ['name', 'use --attack'],
  ['limit', 'use --limit'],
]);

/** A number, or a fraction such as 8/255. @throws UsageError */
export function numeric(text: string): number {
  const value = numberOf(text);
  if (Number.isNaN(value)) throw new UsageError(`${text} is not a number`);
  return value;
}

/** Numbers with commas between them. @throws UsageError */
export function numbers(text: string): number[] {
  return text.split(',').map(numeric);
}

/**
 * The attacks that are meant: one for each ε and number of steps, by ε first.
 * @throws UsageError that names the option which the attack does not have or cannot take
 */
export function attacksOf({ attack: name, set, epsilon, steps, ...others }: AttackArguments): EvaluationAttack[] {
  const { norm, stepSize, restarts, seed } = others;
  const more = saidAs('--set', () => set.map((setting) => readOption(setting, saidElsewhere)));
  const made = (epsilon: number | undefined, steps: number | undefined) => {
    const given = Object.entries({ epsilon, norm, steps, stepSize, restarts, seed }).filter(
      ([, value]) => value !== undefined,
    );
    return saidAs('--attack', () => makeAttack(name, Object.fromEntries([...given, ...more])));
  };
  return (epsilon ?? [undefined]).flatMap((radius) => (steps ?? [undefined]).map((count) => made(radius, count)));
}

/** @throws UsageError for what the work throws, with the option that said it */
function saidAs<T>(option: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new UsageError(`${option} ${messageOf(error)}`);
  }
}
