import { describe, expect, it } from 'vitest';
import { areaUnderRiskCoverage, coverageTable, selectiveAnswers } from './selective';

const labels = Int32Array.of(0, 1, 1, 0);

describe('selective classification', () => {
  it('takes the class from the class outputs, and the confidence from the output for abstention', () => {
    // Three outputs for two classes: the last one is abstention, which must never be a prediction.
    const logits = Float32Array.of(2, 0, 0, /**/ 0, 1, 5, /**/ 3, 0, 1, /**/ 1, 0, 1);
    const { confidence, correct } = selectiveAnswers(logits, labels, 2);
    expect([...correct]).toEqual([1, 1, 0, 1]);
    expect(confidence[0]).toBeCloseTo(1 - 1 / (Math.exp(2) + 2), 10);
    expect(confidence[1]).toBeCloseTo(1 - Math.exp(5) / (1 + Math.E + Math.exp(5)), 10);
  });

  it('goes by the largest probability where nothing abstains', () => {
    const { confidence } = selectiveAnswers(Float32Array.of(2, 0, 0, 1), Int32Array.of(0, 1), 2);
    expect(confidence[0]).toBeCloseTo(Math.exp(2) / (Math.exp(2) + 1), 10);
    expect(confidence[1]).toBeCloseTo(Math.E / (1 + Math.E), 10);
  });

  it('counts the errors among the most confident answers', () => {
    const answers = { confidence: Float64Array.of(0.9, 0.1, 0.5, 0.7), correct: Uint8Array.of(1, 0, 0, 1) };
    expect(coverageTable(answers, [100, 75, 50, 25, 10])).toEqual([
      { coverage: 100, accepted: 4, errors: 2 },
      { coverage: 75, accepted: 3, errors: 1 },
      { coverage: 50, accepted: 2, errors: 0 },
      { coverage: 25, accepted: 1, errors: 0 },
      { coverage: 10, accepted: 0, errors: 0 },
    ]);
    // Risks 0, 0, 1/3, 2/4.
    expect(areaUnderRiskCoverage(answers)).toBeCloseTo((1 / 3 + 1 / 2) / 4, 12);
  });

  it('accepts exactly ⌊c·n⌋', () => {
    const n = 360;
    const answers = { confidence: Float64Array.from({ length: n }, (_, i) => -i), correct: new Uint8Array(n).fill(1) };
    expect(coverageTable(answers, [95, 90, 70]).map(({ accepted }) => accepted)).toEqual([342, 324, 252]);
  });
});
