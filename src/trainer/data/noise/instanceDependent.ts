import { NumpyRandom } from '../../random';
import { inMemory } from '../streamedImages';
import type { Drawn, LabelNoise } from './labelNoise';

/** Of the samples' flip rates, as in the published code. */
const deviation = 0.1;

/**
 * Instance-dependent noise (Xia et al. 2020, part-dependent label noise, tools.py; facts 5.2). Each sample has a flip rate
 * q ~ N(rate, 0.1²), cut to [0, 1], and each class y a matrix W_y with entries N(0, 1). With x the grey values 0 … 255 of
 * the image, the true class keeps 1 − q and the others share q · softmax(x W_y), true class left out; the label is drawn
 * from that. The draws are not those of the published code, which uses two other generators.
 */
export const instanceDependent: LabelNoise<Drawn> = ({ rate, seed }, { train, shape, pixelScale, classNames }) => {
  const { labels } = train;
  const images = inMemory(train.images, 'data.noise: instance-dependent noise');
  const random = new NumpyRandom(seed);
  const size = shape[0] * shape[1] * shape[2];
  const k = classNames.length;
  const flipRates = Float64Array.from(labels, () => truncatedNormal(rate, random));
  const draws = Float64Array.from(labels, () => random.random());
  const given = labels.slice();
  for (let y = 0; y < k; y += 1) {
    const projection = Float32Array.from({ length: size * k }, () => (random.randn() * 255) / pixelScale);
    labels.forEach((label, i) => {
      if (label !== y) return;
      const scores = project(images.subarray(i * size, (i + 1) * size), projection, k);
      given[i] = pick(transition(scores, y, flipRates[i] ?? 0), draws[i] ?? 0);
    });
  }
  return given;
};

/** N(mean, deviation²) given that it lies in [0, 1]. */
function truncatedNormal(mean: number, random: NumpyRandom): number {
  for (;;) {
    const value = mean + deviation * random.randn();
    if (value >= 0 && value <= 1) return value;
  }
}

/** x W. @param x [d] @param weights column by column [k · d] @returns [k] */
function project(x: Uint8Array, weights: Float32Array, k: number): Float64Array {
  const scores = new Float64Array(k);
  const d = x.length;
  for (let c = 0; c < k; c += 1) {
    let score = 0;
    for (let j = 0; j < d; j += 1) score += (x[j] ?? 0) * (weights[c * d + j] ?? 0);
    scores[c] = score;
  }
  return scores;
}

/** Probability of each label: 1 − q for the true one, q · softmax of the scores without it for the others. [k] */
export function transition(scores: Float64Array, y: number, q: number): Float64Array {
  const others = scores.map((score, c) => (c === y ? -Infinity : score));
  const highest = Math.max(...others);
  const weights = others.map((score) => Math.exp(score - highest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight, c) => (c === y ? 1 - q : (q * weight) / total));
}

/** The class in whose part of [0, 1) the number lies. */
function pick(probabilities: Float64Array, u: number): number {
  let end = 0;
  const found = probabilities.findIndex((p) => {
    end += p;
    return u < end;
  });
  // Rounding can leave the sum a little below 1.
  return found >= 0 ? found : probabilities.findLastIndex((p) => p > 0);
}
