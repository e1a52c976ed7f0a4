import { attackSchema, attackTitles, type AttackConfig } from '../protocol/attacks';
import { evaluationAttackSchema, type EvaluationAttack } from '../protocol/evaluation';

/** What else stands in the record of an attack, and where it is said instead. */
const elsewhere = new Map([
  ['name', 'the name of the attack stands first'],
  ['limit', 'how many images is no option of the attack'],
]);

/** Options whose values are words also where they look like numbers: AutoAttack of 2020. */
const worded = new Set(['version']);

/** A number, or a fraction such as 8/255; NaN for anything else. */
export function numberOf(text: string): number {
  const [, numerator, denominator] = /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  const value = Number(numerator ?? text) / Number(denominator ?? 1);
  return text.trim() === '' || !Number.isFinite(value) ? NaN : value;
}

/**
 * An attack in one line, its name and the options that are not as usual: "pgd20", "pgd steps=100 norm=l2".
 * @throws Error in words that say which option the attack does not have or cannot take
 */
export function readAttack(line: string): EvaluationAttack {
  const [name = '', ...settings] = line.trim().split(/\s+/);
  return makeAttack(name, Object.fromEntries(settings.map((setting) => readOption(setting, elsewhere))));
}

/**
 * "steps=100" as the name and the value of an option.
 * @param saidElsewhere what to say of what is no option, by name
 * @throws Error in words
 */
export function readOption(
  setting: string,
  saidElsewhere: ReadonlyMap<string, string>,
): [option: string, value: unknown] {
  const [, option = '', text = ''] = /^([^=]+)=(.*)$/.exec(setting) ?? [];
  if (option === '') throw new Error(`${setting}: expected option=value`);
  const instead = saidElsewhere.get(option);
  if (instead !== undefined) throw new Error(`${setting}: ${instead}`);
  const value = worded.has(option) ? text : numberOf(text);
  return [option, Number.isNaN(value) ? jsonOrText(text) : value];
}

/** @throws Error in words that say which option the attack does not have or cannot take */
export function makeAttack(name: string, options: Readonly<Record<string, unknown>>): EvaluationAttack {
  const result = evaluationAttackSchema.safeParse({ name, ...options });
  if (result.success) return result.data;
  if (name !== 'none' && !(name in attackTitles)) {
    const names = Object.keys(attackTitles).join(', ');
    throw new Error(`${name}: there is no such attack. Choose one of none, ${names}.`);
  }
  throw new Error(`${name}: ${reasonOf(result.error.issues)}`);
}

/** An attack as {@link readAttack} reads it: its ball, and what is not as usual in that ball. */
export function attackLine({ limit: _limit, ...attack }: AttackConfig): string {
  const { name, epsilon } = attack;
  const byName = attackSchema.parse({ name });
  const steps = 'steps' in attack ? { steps: attack.steps } : {};
  const usual: Readonly<Record<string, unknown>> = {
    // The usual size of a step follows from ε and how many there are.
    ...attackSchema.parse({ name, epsilon, ...steps }),
    ...('steps' in byName ? { steps: byName.steps } : {}),
  };
  const told = Object.entries(attack).filter(([option, value]) => option === 'epsilon' || value !== usual[option]);
  return [name, ...told.map(([option, value]) => `${option}=${String(value)}`)].join(' ');
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
