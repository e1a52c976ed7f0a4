import { attackTitles } from '../protocol/attacks';
import { evaluationAttackSchema, type EvaluationAttack } from '../protocol/evaluation';
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
  ['name', '--attack'],
  ['limit', '--limit'],
]);

/** A number, or a fraction such as 8/255. @throws UsageError */
export function numeric(text: string): number {
  const [, numerator, denominator] = /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  const value = Number(numerator ?? text) / Number(denominator ?? 1);
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`${text} is not a number`);
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
  const wrong = set.find((setting) => !/^[^=]+=/.test(setting));
  if (wrong !== undefined) throw new UsageError(`--set ${wrong}: expected option=value`);
  const { norm, stepSize, restarts, seed } = others;
  const more = set.map((setting) => {
    const at = setting.indexOf('=');
    const option = setting.slice(0, at);
    const flag = saidElsewhere.get(option);
    if (flag !== undefined) throw new UsageError(`--set ${setting}: use ${flag}`);
    return [option, jsonOrText(setting.slice(at + 1))] as const;
  });
  const made = (epsilon: number | undefined, steps: number | undefined) => {
    const given = Object.entries({ epsilon, norm, steps, stepSize, restarts, seed }).filter(
      ([, value]) => value !== undefined,
    );
    return oneAttack(name, Object.fromEntries([...given, ...more]));
  };
  return (epsilon ?? [undefined]).flatMap((radius) => (steps ?? [undefined]).map((count) => made(radius, count)));
}

function oneAttack(name: string, options: Record<string, unknown>): EvaluationAttack {
  const result = evaluationAttackSchema.safeParse({ name, ...options });
  if (result.success) return result.data;
  if (name !== 'none' && !(name in attackTitles)) {
    throw new UsageError(`There is no attack ${name}. Choose one of none, ${Object.keys(attackTitles).join(', ')}.`);
  }
  throw new UsageError(`--attack ${name}: ${reasonOf(result.error.issues)}`);
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

interface Issue {
  readonly message: string;
  readonly path: readonly PropertyKey[];
  readonly errors?: readonly (readonly Issue[])[];
}

/** What is wrong with an attack: of the possibilities that were tried, what the one that bears its name says. */
function reasonOf(issues: readonly Issue[]): string {
  const [issue] = issues;
  if (issue?.errors) return reasonOf(issue.errors.at(-1) ?? []);
  if (!issue) return 'it cannot be read';
  return issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message;
}
