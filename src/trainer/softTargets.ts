import { argMax } from './evaluate';

/**
 * What the soft targets say of the labels. A row of zeros is one that its method has not begun with, and does not count.
 * @param targets [n · k], rows of shares, or of what is in proportion to them: a moving average from 0 sums up to less than 1
 * @param trueLabels [n]
 * @returns `recovery`: share of rows whose arg max is the true label; `entropy`: mean entropy of the rows in nats;
 * undefined when no row counts
 */
export function describeSoftTargets(
  targets: Float32Array,
  trueLabels: Int32Array,
): { recovery: number; entropy: number } | undefined {
  const k = targets.length / trueLabels.length;
  let n = 0;
  let recovered = 0;
  let entropy = 0;
  for (let i = 0; i < trueLabels.length; i += 1) {
    const highest = argMax(targets, i * k, k);
    if (targets[i * k + highest] === 0) continue;
    n += 1;
    if (highest === trueLabels[i]) recovered += 1;
    const row = targets.subarray(i * k, (i + 1) * k);
    const sum = row.reduce((total, t) => total + t, 0);
    for (const t of row) if (t > 0) entropy -= (t / sum) * Math.log(t / sum);
  }
  return n === 0 ? undefined : { recovery: recovered / n, entropy: entropy / n };
}
