import * as z from 'zod';
import { attackSchema, attackTitles, autoattackPartsOf, strengthOf, usualStepSize } from '../protocol/attacks';
import type { EvaluationRecord } from '../protocol/evaluation';
import type { About } from '../protocol/events';
import { aboutMark } from '../protocol/panel';
import type { RunRecord } from '../protocol/run';
import type { Evaluation } from './evaluate';
import { Series } from './series';

/** What evaluations say, in words and as series. */

type Attack = EvaluationRecord['attack'];

/** "PGD-20"; "natural" for no attack. */
export function attackTitle({ name, steps, version }: Attack): string {
  if (name === 'none') return 'natural';
  const titles: Record<string, string | undefined> = attackTitles;
  if (name === 'pgd' && typeof steps === 'number') return `PGD-${steps}`;
  const title = titles[name] ?? name;
  return name === 'autoattack' && typeof version === 'string' && version !== 'standard' ? `${title} ${version}` : title;
}

/** The ball, and each option that is not as usual: "L∞ ε 0.031", "L2 ε 0.5, 50 steps, seed 3". Empty for no attack. */
export function attackSettings(attack: Attack): string {
  const epsilon = epsilonOf(attack);
  return epsilon === undefined ? '' : [ballWords(attack['norm'], epsilon), ...unusualOptions(attack)].join(', ');
}

/** "PGD-20, L∞ ε 0.031"; "natural" for no attack. */
export function attackWords(attack: Attack): string {
  return [attackTitle(attack), attackSettings(attack)].filter((part) => part !== '').join(', ');
}

/** "PGD-20 ε 0.031", "PGD-20 L2 ε 0.5": the usual norm is not said. */
function titleWithBall(attack: Attack): string {
  const epsilon = epsilonOf(attack);
  const ball = epsilon === undefined ? [] : [ballWords(attack['norm'], epsilon).replace(/^L∞ /, '')];
  return [attackTitle(attack), ...ball].join(' ');
}

/** Titles of attacks that stand in one row: those that would read the same say their ball, else all settings. */
export function titlesApart(attacks: readonly Attack[]): string[] {
  const ways = [attackTitle, titleWithBall];
  return attacks.map((attack) => {
    const others = attacks.filter((other) => attackWords(other) !== attackWords(attack));
    const way = ways.find((name) => others.every((other) => name(other) !== name(attack))) ?? attackWords;
    return way(attack);
  });
}

/** Options besides the ball that are not as usual, and that the title does not tell. */
function unusualOptions({ name, norm: _norm, epsilon: _epsilon, limit: _limit, ...options }: Attack): string[] {
  const parsed = attackSchema.safeParse({ name });
  const usual: Record<string, unknown> = parsed.success ? parsed.data : {};
  const titled: Record<string, string | undefined> = { autoattack: 'version', pgd: 'steps' };
  return (
    Object.entries(options)
      .filter(([option, value]) => option !== titled[name] && value !== usual[option])
      // In one order, whoever wrote them down: equal attacks are called the same.
      .sort(([a], [b]) => Number(b === 'steps') - Number(a === 'steps') || (a < b ? -1 : 1))
      .map(([option, value]) =>
        option === 'steps'
          ? `${String(value)} ${value === 1 ? 'step' : 'steps'}`
          : `${words(option)} ${valueWords(value)}`,
      )
  );
}

/** "1,000" */
export function countWords(count: number): string {
  return count.toLocaleString('en');
}

/** "41.2 % ± 3.0 of 1,000", "0.0 % (0.0–0.4) of 1,000": the share of robust images and its interval; else empty. */
export function resultWords({ record, robust }: Evaluation): string {
  if (!record?.counts || !robust) return '';
  return `${shareWords(robust)} of ${countWords(record.counts.total)}`;
}

/** "41.2 % ± 3.0", or "0.0 % (0.0–0.4)" where the interval does not lie around the share: near 0 and 1, and of few images. */
export function shareWords({ share, interval: [low, high] }: NonNullable<Evaluation['robust']>): string {
  const points = (value: number) => (value * 100).toFixed(1);
  // Less than the last digit that is shown.
  const even = Math.abs(share - low - (high - share)) < 0.001;
  return `${points(share)} % ${even ? `± ${points((high - low) / 2)}` : `(${points(low)}–${points(high)})`}`;
}

/** The strongest attack first; of one attack the largest ε, then the most images, then what leaves the least. */
export function strongestFirst(evaluations: readonly Evaluation[]): Evaluation[] {
  const rank = ({ record, robust }: Evaluation) => [
    strengthOf(record?.attack.name ?? ''),
    autoattackPartsOf(record?.attack).length,
    epsilonOf(record?.attack) ?? 0,
    record?.counts?.total ?? 0,
    -(robust?.share ?? 0),
  ];
  return [...evaluations].reverse().sort((a, b) => {
    const [ours, theirs] = [rank(a), rank(b)];
    const at = ours.findIndex((value, i) => value !== theirs[i]);
    return at < 0 ? 0 : (theirs[at] ?? 0) - (ours[at] ?? 0);
  });
}

/**
 * "test/robust_accuracy/pgd20 · L∞ ε 0.031, 1,000 images", as the evaluation of a checkpoint with the same attack is
 * called.
 * @param config of the run that told of it: it knows the attack’s options where the run told of its ball alone
 */
export function metricWithAbout(
  metric: string,
  { images, seen: _seen, ...told }: About,
  config: RunRecord['config'] = {},
): string {
  const name = metric.split('/').at(-1) ?? metric;
  const attacks = configuredAttacksSchema.safeParse(config).data?.evaluate.attacks ?? [];
  const attack = { ...attacks.find((one) => one.name === name), ...told, name };
  return measuredMetric(metric, attack, images);
}

const configuredAttacksSchema = z.looseObject({
  evaluate: z.looseObject({ attacks: z.array(z.looseObject({ name: z.string() })) }),
});

/** One name for one attack on so many images: what has the same shares a curve. */
function measuredMetric(metric: string, attack: Attack, images: number): string {
  return `${metric}${aboutMark}${attackSettings(attack)}, ${imageWords(images)}`;
}

/**
 * Robust accuracy by step of the checkpoint: one series for each attack, with its options, and number of images. What
 * was measured on one checkpoint alone, to be seen against ε or steps, is drawn there.
 */
export function robustByCheckpoint(evaluations: readonly Evaluation[]): Map<string, Series> {
  const series = new Map<string, Series>();
  const drawnElsewhere = new Set<string>();
  const swept = new Set(sweepsOf(evaluations).flatMap(({ records }) => records.map(({ id }) => id)));
  for (const { record } of evaluations) {
    if (!record?.counts || epsilonOf(record.attack) === undefined) continue;
    const { id, step, epoch, counts, attack } = record;
    const metric = measuredMetric(`test/robust_accuracy/${attack.name}`, attack, counts.total);
    seriesOf(series, metric).set(step, epoch, counts.robust / counts.total);
    if (swept.has(id)) drawnElsewhere.add(metric);
  }
  for (const metric of drawnElsewhere) if (series.get(metric)?.length === 1) series.delete(metric);
  return series;
}

/** Robust accuracy against ε and against the attack's steps: these are the x of such a series. */
export function robustAgainst(evaluations: readonly Evaluation[]): Map<string, Series> {
  const curves = new Map<string, Series>();
  for (const { option, records } of sweepsOf(evaluations)) {
    for (const record of records) {
      const { attack, counts, epoch } = record;
      if (!counts) continue;
      const about = `${aboutAgainst(record, option)}, ${imageWords(counts.total)}`;
      const series = seriesOf(curves, `robust_accuracy_against_${option}/${attack.name}${aboutMark}${about}`);
      // Nothing is perturbed: the natural accuracy.
      if (option === 'epsilon') series.set(0, epoch, counts.correct / counts.total);
      series.set(Number(attack[option]), epoch, counts.robust / counts.total);
    }
  }
  return curves;
}

/** What evaluations of one checkpoint may differ in to be drawn as a curve. */
const sweptOptions = ['epsilon', 'steps'] as const;
type SweptOption = (typeof sweptOptions)[number];

/** Complete evaluations of one checkpoint and the same images that differ in one option alone. */
function sweepsOf(evaluations: readonly Evaluation[]): { option: SweptOption; records: EvaluationRecord[] }[] {
  return sweptOptions.flatMap((option) => {
    const groups = new Map<string, EvaluationRecord[]>();
    for (const { record } of evaluations) {
      if (!record?.counts || typeof record.attack[option] !== 'number') continue;
      const { attack, checkpoint, step, counts } = record;
      const rest = Object.entries({ ...withoutUsualStep(attack), [option]: undefined }).sort(([a], [b]) =>
        a < b ? -1 : 1,
      );
      const key = JSON.stringify([checkpoint, step, counts.total, rest]);
      groups.set(key, [...(groups.get(key) ?? []), record]);
    }
    return [...groups.values()]
      .filter((records) => new Set(records.map(({ attack }) => attack[option])).size > 1)
      .map((records) => ({ option, records }));
  });
}

/** Which checkpoint, and what the evaluations of a curve have in common. */
function aboutAgainst({ checkpoint, attack }: EvaluationRecord, option: SweptOption): string {
  const name = (checkpoint.split('/').at(-1) ?? checkpoint).replace('.safetensors', '');
  const { steps, ...others } = withoutUsualStep(attack);
  const ball = option === 'epsilon' ? normWords(attack['norm']) : ballWords(attack['norm'], epsilonOf(attack) ?? NaN);
  return [name, ball, ...unusualOptions(option === 'epsilon' ? { ...others, steps } : others)].join(', ');
}

/** An attack without a step size that follows from ε and the number of steps: along a curve it changes with them. */
function withoutUsualStep(attack: Attack): Attack {
  const { stepSize, ...others } = attack;
  const { epsilon, steps } = attack;
  if (typeof epsilon !== 'number' || typeof steps !== 'number') return attack;
  return stepSize === usualStepSize({ epsilon, steps }) ? others : attack;
}

function seriesOf(all: Map<string, Series>, name: string): Series {
  const series = all.get(name) ?? new Series();
  all.set(name, series);
  return series;
}

function epsilonOf(attack: Attack | undefined): number | undefined {
  const epsilon = attack?.['epsilon'];
  return typeof epsilon === 'number' ? epsilon : undefined;
}

function ballWords(norm: unknown, epsilon: number): string {
  return `${normWords(norm)} ε ${Number(epsilon.toPrecision(3))}`;
}

function normWords(norm: unknown): string {
  return norm === 'l2' ? 'L2' : 'L∞';
}

function imageWords(count: number): string {
  return `${countWords(count)} images`;
}

function valueWords(value: unknown): string {
  return String(typeof value === 'number' ? Number(value.toPrecision(4)) : value);
}

/** "stepSize" as "step size". */
function words(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
