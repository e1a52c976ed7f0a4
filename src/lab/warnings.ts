import { isDeepStrictEqual } from 'node:util';
import { attacksBeaten, attackSchema, autoattackPartsOf, shortSteps } from '../protocol/attacks';
import type { EvaluationRecord } from '../protocol/evaluation';
import { ofSameImages, ofSameNetwork, type Evaluation } from './evaluate';
import { attackTitle } from './robustness';

/**
 * Why a result may be too high: what the trainer saw, steps that are too short, and what others of the same checkpoint
 * say against it.
 */
export function warningsOf(evaluation: Evaluation, others: readonly Evaluation[]): string[] {
  const { attack } = evaluation.record ?? {};
  const own = [shortSteps(attack ?? {}), attack?.['version'] === 'rand' ? forRandomNetworks : undefined];
  return [
    ...new Set([
      ...toldWarnings(evaluation.log),
      ...own.filter((words) => words !== undefined),
      ...contradictions(evaluation, others),
    ]),
  ];
}

/** What a trainer has warned of, by the lines of its log. One that was resumed has told some of them twice. */
export function toldWarnings(log: readonly string[]): string[] {
  const mark = 'warn: ';
  return [...new Set(log.filter((line) => line.startsWith(mark)).map((line) => line.slice(mark.length)))];
}

const forRandomNetworks =
  'AutoAttack’s version rand leaves out FAB, Square and the targeted attacks. It is for networks that draw random ' +
  'numbers when they predict, which none here does: take version standard.';

/** What belongs beside a result that is sound, in words: AutoAttack beside PGD (facts 4.4). Undefined where it stands. */
export function noteOf({ record }: Evaluation, others: readonly Evaluation[]): string | undefined {
  if (!record?.counts || !['fgsm', 'pgd', 'pgd20'].includes(record.attack.name)) return undefined;
  const { total } = record.counts;
  const beside = others.some(
    ({ record: other }) =>
      other?.counts &&
      other.counts.total >= total &&
      autoattackPartsOf(other.attack).some(([part]) => part === 'square') &&
      ofSameNetwork(other, record) &&
      inOneBall(other, record),
  );
  if (beside) return undefined;
  return `${attackTitle(record.attack)} alone overestimates robustness: report AutoAttack beside it.`;
}

/**
 * Compares a complete evaluation with others of the same network and images (facts 4.4): a stronger attack, a larger ε
 * and more steps leave at most as much, up to chance.
 * @returns warnings in words
 */
export function contradictions(evaluation: Evaluation, others: readonly Evaluation[]): string[] {
  return others.flatMap((other) => {
    const [weak, strong] = isStronger(other, evaluation) ? [evaluation, other] : [other, evaluation];
    const [less, more] = [weak.record, strong.record];
    if (!less?.counts || !more?.counts || !isStronger(strong, weak)) return [];
    if (!ofSameNetwork(less, more) || !ofSameImages(less, more) || more.counts.robust <= less.counts.robust) return [];
    if (!contains(strong, weak) && !isBeyondChance(strong, weak)) return [];
    const [strongName, weakName] = namesApart(more.attack, less.attack);
    const percent = (robust: number) => `${((robust / (less.counts?.total ?? NaN)) * 100).toFixed(1)} %`;
    return [
      `${strongName} leaves ${percent(more.counts.robust)} and the weaker ${weakName} only ` +
        `${percent(less.counts.robust)} of the same checkpoint: a sign of gradient masking, or of too few steps.`,
    ];
  });
}

type Attack = EvaluationRecord['attack'];

/** Whether an attack must leave at most as much as another, up to chance. */
function isStronger({ record: a }: Evaluation, { record: b }: Evaluation): boolean {
  if (!a || !b || a.attack.name === 'none') return false;
  if (b.attack.name === 'none') return true;
  const [ours, theirs] = [autoattackPartsOf(a.attack), autoattackPartsOf(b.attack)].map((parts) =>
    parts.map(([name]) => name),
  );
  if (ours?.length && inOneBall(a, b)) {
    if (theirs?.length) return ours.length > theirs.length && theirs.every((name) => ours.includes(name));
    if (b.attack.name !== 'autoattack') {
      return ours.some((name) => name === b.attack.name || beats(name, b.attack.name));
    }
  }
  const [first, second] = [asPgd(a.attack), asPgd(b.attack)];
  if (first.name !== second.name) {
    // With more gradients the weaker one may come further.
    return beats(first.name, second.name) && inOneBall(a, b) && budgetOf(first) >= budgetOf(second);
  }
  // With a larger ε, as with more steps, the step size often changes too.
  const others = ({ epsilon: _, steps: __, stepSize: ___, restarts: ____, ...rest }: Attack) => rest;
  const larger = ['epsilon', 'steps', 'restarts'].map(
    (option) => Number(first[option] ?? 0) - Number(second[option] ?? 0),
  );
  return isDeepStrictEqual(others(first), others(second)) && Math.min(...larger) >= 0 && larger.some((by) => by > 0);
}

function beats(name: string, other: string): boolean {
  const beaten: Record<string, readonly string[] | undefined> = attacksBeaten;
  return beaten[name]?.includes(other) ?? false;
}

/** PGD-20 is PGD from a random start. */
function asPgd(attack: Attack): Attack {
  return attack.name === 'pgd20' ? { ...attack, name: 'pgd', randomStart: true } : attack;
}

function budgetOf({ steps, restarts }: Attack): number {
  return Number(steps ?? 1) * Number(restarts ?? 1);
}

function inOneBall({ attack: a }: EvaluationRecord, { attack: b }: EvaluationRecord): boolean {
  return isDeepStrictEqual([a['norm'], a['epsilon']], [b['norm'], b['epsilon']]);
}

/**
 * Whether an evaluation begins with all that another one did, so that it cannot leave more: everything begins with the
 * natural images, AutoAttack with APGD-CE, AA+ with AA. Only a CPU computes the same numbers again.
 */
function contains(strong: Evaluation, weak: Evaluation): boolean {
  const [a, b] = [strong.record?.attack, weak.record?.attack];
  if (!a || !b) return false;
  if (strong.runtime !== weak.runtime || !/cpu/i.test(strong.runtime ?? '')) return false;
  if (b.name === 'none') return true;
  const [ours, theirs] = [autoattackPartsOf(a), autoattackPartsOf(b)];
  const [first] = ours;
  if (first === undefined || a['seed'] !== b['seed'] || (a['version'] === 'rand') !== (b['version'] === 'rand'))
    return false;
  if (b.name === 'autoattack') return isDeepStrictEqual(ours.slice(0, theirs.length), theirs);
  const [name, restarts] = first;
  const { norm, epsilon, seed } = b;
  return isDeepStrictEqual(attackSchema.safeParse({ name, restarts, norm, epsilon, seed }).data, b);
}

/** The 99 % quantile of the standard normal distribution. */
const quantile = 2.326;

/**
 * Whether more images withstand the stronger attack alone than the weaker one alone, by more than restarts and random
 * numbers explain: McNemar’s test on the same images, one-sided at 1 %, with Edwards’ correction for small numbers.
 */
function isBeyondChance({ robustRows: strong }: Evaluation, { robustRows: weak }: Evaluation): boolean {
  if (!strong || !weak) return false;
  let [onlyStrong, onlyWeak] = [0, 0];
  strong.forEach((flag, row) => {
    if (flag > (weak[row] ?? 0)) onlyStrong += 1;
    if (flag < (weak[row] ?? 0)) onlyWeak += 1;
  });
  return onlyStrong - onlyWeak - 1 > quantile * Math.sqrt(onlyStrong + onlyWeak);
}

/** Names of two attacks, with what tells them apart where the names are the same. */
function namesApart(a: Attack, b: Attack): [string, string] {
  const titles: [string, string] = [attackTitle(a), attackTitle(b)];
  if (titles[0] !== titles[1]) return titles;
  const named = (attack: Attack) =>
    `${attackTitle(attack)} with ε ${Number(Number(attack['epsilon']).toPrecision(4))}` +
    (typeof attack['steps'] === 'number' ? ` and ${attack['steps']} steps` : '');
  return [named(a), named(b)];
}
