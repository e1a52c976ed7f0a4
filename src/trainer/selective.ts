import type { SelectiveCurve, SelectiveScore } from '../protocol/selective';
import { argMax } from './evaluate';

/** Coverages of the authors' table, in percent (facts 1.10). */
export const usualCoverages = [100, 99, 98, 97, 95, 90, 85, 80, 75, 70, 60, 50, 40, 30, 20, 10] as const;

/** A classifier's answers with the order in which it would give them up. */
export interface SelectiveAnswers {
  /** Log odds, higher for what is accepted sooner: shares near 0 and near 1 would tie. [n] */
  confidence: Float64Array;
  /** 1 where the most probable class is the label. [n] */
  correct: Uint8Array;
}

/**
 * What a network says of n samples. The prediction is the arg max of the K class outputs. The confidence by `abstention`
 * is 1 − the softmax probability of abstention over all K + 1 outputs; by `softmax_response` it is the largest softmax
 * probability over the K class outputs alone; either as its log odds, log(p / (1 − p)).
 * @param logits [n · outputs] @param labels [n] @param classes K; outputs is K or K + 1
 * @param score `abstention` where there is an output for it, unless told otherwise
 */
export function selectiveAnswers(
  logits: Float32Array,
  labels: Int32Array,
  classes: number,
  score: SelectiveScore = logits.length / labels.length > classes ? 'abstention' : 'softmax_response',
): SelectiveAnswers {
  const n = labels.length;
  const outputs = logits.length / n;
  const confidence = new Float64Array(n);
  const correct = new Uint8Array(n);
  for (let i = 0; i < n; i += 1) {
    const row = logits.subarray(i * outputs, (i + 1) * outputs);
    const predicted = argMax(row, 0, classes);
    confidence[i] = score === 'abstention' ? -logOdds(row, classes) : logOdds(row.subarray(0, classes), predicted);
    correct[i] = predicted === labels[i] ? 1 : 0;
  }
  return { confidence, correct };
}

/** log(p / (1 − p)) of the softmax probability p of one output: z_j − log Σ_{i≠j} exp z_i. */
function logOdds(logits: Float32Array, output: number): number {
  const others = logits.filter((_, i) => i !== output);
  const highest = others[argMax(others, 0, others.length)] ?? 0;
  const sum = others.reduce((total, z) => total + Math.exp(z - highest), 0);
  return (logits[output] ?? 0) - highest - Math.log(sum);
}

/** The scores that a network's outputs allow, its own one first. */
export function scoresOf(outputs: number, classes: number): readonly SelectiveScore[] {
  return outputs > classes ? ['abstention', 'softmax_response'] : ['softmax_response'];
}

/** Wrong answers among the accepted ones. */
export interface CoveragePoint {
  /** In percent. */
  coverage: number;
  accepted: number;
  errors: number;
}

/** Errors among the ⌊coverage · n⌋ most confident answers; of equal ones the earlier sample. */
export function coverageTable(
  { confidence, correct }: SelectiveAnswers,
  coverages: readonly number[] = usualCoverages,
): CoveragePoint[] {
  const wrong = cumulativeErrors({ confidence, correct });
  return coverages.map((coverage) => {
    // Percent first: .95 · 360 is less than 342 in binary.
    const accepted = Math.floor((coverage * correct.length) / 100);
    return { coverage, accepted, errors: accepted === 0 ? 0 : (wrong[accepted - 1] ?? 0) };
  });
}

/** Area under the risk-coverage curve: the mean selective risk over all coverages 1/n … n/n, in [0, 1]. */
export function areaUnderRiskCoverage(answers: SelectiveAnswers): number {
  const wrong = cumulativeErrors(answers);
  return wrong.reduce((sum, errors, i) => sum + errors / (i + 1), 0) / wrong.length;
}

/**
 * Risk against coverage, with its area and the authors' table.
 * @param points at most so many of the coverages 1/n … n/n, evenly spread, the last one among them
 */
export function selectiveCurve(score: SelectiveScore, answers: SelectiveAnswers, points = 1000): SelectiveCurve {
  const wrong = cumulativeErrors(answers);
  const n = wrong.length;
  const count = Math.min(points, n);
  const accepted = Array.from({ length: count }, (_, i) => Math.floor(((i + 1) * n) / count));
  return {
    score,
    aurc: areaUnderRiskCoverage(answers),
    coverage: accepted.map((a) => a / n),
    risk: accepted.map((a) => (wrong[a - 1] ?? 0) / a),
    table: coverageTable(answers),
  };
}

/** Entry i: errors among the i + 1 most confident answers. */
function cumulativeErrors({ confidence, correct }: SelectiveAnswers): number[] {
  const order = Array.from(confidence.keys()).sort((a, b) => (confidence[b] ?? 0) - (confidence[a] ?? 0));
  let errors = 0;
  return order.map((i) => (errors += correct[i] === 1 ? 0 : 1));
}
