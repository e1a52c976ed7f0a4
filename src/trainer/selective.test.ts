import { describe, expect, it } from 'vitest';
import { areaUnderRiskCoverage, coverageTable, scoresOf, selectiveAnswers, selectiveCurve } from './selective';

const labels = Int32Array.of(0, 1, 1, 0);
/** The share whose log odds these are. */
const shareOf = (logOdds = NaN) => 1 / (1 + Math.exp(-logOdds));

describe('selective classification', () => {
  it('takes the class from the class outputs, and the confidence from the output for abstention', () => {
    // Three outputs for two classes: the last one is abstention, which must never be a prediction.
    const logits = Float32Array.of(2, 0, 0, /**/ 0, 1, 5, /**/ 3, 0, 1, /**/ 1, 0, 1);
    const { confidence, correct } = selectiveAnswers(logits, labels, 2);
    expect([...correct]).toEqual([1, 1, 0, 1]);
    expect(shareOf(confidence[0])).toBeCloseTo(1 - 1 / (Math.exp(2) + 2), 10);
    expect(shareOf(confidence[1])).toBeCloseTo(1 - Math.exp(5) / (1 + Math.E + Math.exp(5)), 10);
  });

  it('goes by the largest probability where nothing abstains', () => {
    const { confidence } = selectiveAnswers(Float32Array.of(2, 0, 0, 1), Int32Array.of(0, 1), 2);
    expect(shareOf(confidence[0])).toBeCloseTo(Math.exp(2) / (Math.exp(2) + 1), 10);
    expect(shareOf(confidence[1])).toBeCloseTo(Math.E / (1 + Math.E), 10);
  });

  it.each([
    ['abstention', [100, 0, 0, /**/ 101, 0, 0, /**/ 0, 0, 100, /**/ 0, 0, 99]],
    ['softmax_response', [100, 0, 0, /**/ 101, 0, 0, /**/ 1e-18, 0, 0, /**/ 2e-18, 0, 0]],
  ] as const)('tells apart answers whose shares of %s are the same number', (score, logits) => {
    const { confidence } = selectiveAnswers(Float32Array.from(logits), labels, 2, score);
    const [first = NaN, second = NaN, third = NaN, fourth = NaN] = confidence;
    expect(second).toBeGreaterThan(first);
    expect(first).toBeGreaterThan(fourth);
    expect(fourth).toBeGreaterThan(third);
  });

  it('leaves abstention out of the softmax response, where both scores are to be had', () => {
    const { confidence, correct } = selectiveAnswers(Float32Array.of(2, 0, 9), Int32Array.of(1), 2, 'softmax_response');
    expect(shareOf(confidence[0])).toBeCloseTo(Math.exp(2) / (Math.exp(2) + 1), 10);
    expect([...correct]).toEqual([0]);
    expect(scoresOf(3, 2)).toEqual(['abstention', 'softmax_response']);
    expect(scoresOf(2, 2)).toEqual(['softmax_response']);
  });

  it('draws the curve from the most certain answer to all of them', () => {
    const answers = { confidence: Float64Array.of(0.9, 0.1, 0.5, 0.7), correct: Uint8Array.of(1, 0, 0, 1) };
    const curve = selectiveCurve('softmax_response', answers);
    expect(curve).toMatchObject({
      score: 'softmax_response',
      coverage: [0.25, 0.5, 0.75, 1],
      risk: [0, 0, 1 / 3, 0.5],
    });
    expect(curve.aurc).toBeCloseTo((1 / 3 + 1 / 2) / 4, 12);
    expect(curve.table).toHaveLength(16);
    expect(curve.table.find(({ coverage }) => coverage === 75)).toEqual({ coverage: 75, accepted: 3, errors: 1 });
  });

  it('thins a long curve evenly, and keeps its end and its area', () => {
    // Of ten answers in order of certainty the last five are wrong.
    const answers = {
      confidence: Float64Array.from({ length: 10 }, (_, i) => -i),
      correct: Uint8Array.of(1, 1, 1, 1, 1, 0, 0, 0, 0, 0),
    };
    const [all, some] = [selectiveCurve('abstention', answers), selectiveCurve('abstention', answers, 4)];
    expect(some.coverage).toEqual([0.2, 0.5, 0.7, 1]);
    expect(some.risk).toEqual([0, 0, 2 / 7, 0.5]);
    expect(some.aurc).toBe(all.aurc);
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
