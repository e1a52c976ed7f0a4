import type { Norm } from '../../protocol/attacks';

/** More than are needed: each round passes at least one of the box's faces, most pass many. */
const rounds = 100;

/**
 * The smallest step from a point of [0, 1]ⁿ to the hyperplane w · x = b that stays in the box; where the hyperplane does
 * not meet the box, the step to the corner that is nearest to it (Croce and Hein, ICML 2020, section 2).
 *
 * Every coordinate moves against w, by min(λ, cap) for L∞ and by |w| · min(λ, cap) for L2, where the cap is what the box
 * leaves. How far that comes grows with λ as a concave, piecewise linear function, so Newton's method reaches the λ that
 * is needed from below, in as many rounds as there are pieces on the way at most.
 * @returns the step
 */
export function stepToHyperplane(norm: Norm, point: Float32Array, w: Float32Array, b: number): Float32Array {
  const n = point.length;
  let distance = -b;
  for (let i = 0; i < n; i += 1) distance += (w[i] ?? 0) * (point[i] ?? 0);
  const side = distance >= 0 ? 1 : -1;
  const needed = Math.abs(distance);

  const rates = new Float64Array(n);
  const caps = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    const weight = (w[i] ?? 0) * side;
    const room = weight > 0 ? (point[i] ?? 0) : 1 - (point[i] ?? 0);
    const size = Math.abs(weight);
    if (size === 0) continue;
    rates[i] = norm === 'linf' ? size : size * size;
    caps[i] = Math.max(norm === 'linf' ? room : room / size, 0);
  }
  let lambda = 0;
  for (let round = 0; round < rounds; round += 1) {
    let reached = 0;
    let slope = 0;
    for (let i = 0; i < n; i += 1) {
      const cap = caps[i] ?? 0;
      reached += (rates[i] ?? 0) * Math.min(lambda, cap);
      if (cap > lambda) slope += rates[i] ?? 0;
    }
    if (slope === 0 || reached >= needed) break;
    const next = lambda + (needed - reached) / slope;
    if (next === lambda) break;
    lambda = next;
  }
  return Float32Array.from(point, (_, i) => {
    const weight = (w[i] ?? 0) * side;
    const move = Math.min(lambda, caps[i] ?? 0);
    return -Math.sign(weight) * (norm === 'linf' ? move : move * Math.abs(weight));
  });
}
