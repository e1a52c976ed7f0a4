import { argMax } from './evaluate';

/**
 * What the soft targets say of the labels.
 * @param targets [n · k], rows in the probability simplex
 * @param trueLabels [n]
 * @returns `recovery`: share of rows whose arg max is the true label; `entropy`: mean entropy of the rows in nats
 */
export function describeSoftTargets(
  targets: Float32Array,
  trueLabels: Int32Array,
): { recovery: number; entropy: number } {
  const n = trueLabels.length;
  const k = targets.length / n;
  let recovered = 0;
  let entropy = 0;
  for (let i = 0; i < n; i += 1) {
    if (argMax(targets, i * k, k) === trueLabels[i]) recovered += 1;
    for (let j = 0; j < k; j += 1) {
      const t = targets[i * k + j] ?? 0;
      if (t > 0) entropy -= t * Math.log(t);
    }
  }
  return { recovery: recovered / n, entropy: entropy / n };
}
