import { argMax } from './evaluate';

/** Coverages of the authors' table, in percent (facts 1.10). */
export const usualCoverages = [100, 99, 98, 97, 95, 90, 85, 80, 75, 70, 60, 50, 40, 30, 20, 10] as const;

/** A classifier's answers with the order in which it would give them up. */
export interface SelectiveAnswers {
  /** Higher for what is accepted sooner. [n] */
  confidence: Float64Array;
  /** 1 where the most probable class is the label. [n] */
  correct: Uint8Array;
}

/**
 * What a network says of n samples. The prediction is the arg max of the K class outputs; the confidence is 1 − the softmax
 * probability of abstention over all K + 1 outputs, or the largest softmax probability (softmax response) where there
 * is no output for abstention.
 * @param logits [n · outputs] @param labels [n] @param classes K; outputs is K or K + 1
 */
export function selectiveAnswers(logits: Float32Array, labels: Int32Array, classes: number): SelectiveAnswers {
  const n = labels.length;
  const outputs = logits.length / n;
  const confidence = new Float64Array(n);
  const correct = new Uint8Array(n);
  for (let i = 0; i < n; i += 1) {
    const row = logits.subarray(i * outputs, (i + 1) * outputs);
    const predicted = argMax(row, 0, classes);
    const highest = row[argMax(row, 0, outputs)] ?? 0;
    const sum = row.reduce((total, z) => total + Math.exp(z - highest), 0);
    const share = (j: number) => Math.exp((row[j] ?? 0) - highest) / sum;
    confidence[i] = outputs > classes ? 1 - share(classes) : share(predicted);
    correct[i] = predicted === labels[i] ? 1 : 0;
  }
  return { confidence, correct };
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

/** Entry i: errors among the i + 1 most confident answers. */
function cumulativeErrors({ confidence, correct }: SelectiveAnswers): number[] {
  const order = Array.from(confidence.keys()).sort((a, b) => (confidence[b] ?? 0) - (confidence[a] ?? 0));
  let errors = 0;
  return order.map((i) => (errors += correct[i] === 1 ? 0 : 1));
}
