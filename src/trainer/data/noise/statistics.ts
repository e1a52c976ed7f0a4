/** Share of wrong labels, in [0, 1]. @param labels true labels [n] @param given [n] */
export function trueErrorRate(labels: Int32Array, given: Int32Array): number {
  return labels.length === 0
    ? 0
    : labels.reduce((wrong, label, i) => wrong + (given[i] === label ? 0 : 1), 0) / labels.length;
}

/**
 * The noise as it came out: row = true class, column = given class, entry = share of the row's samples, in [0, 1].
 * The row of a class without samples is zero.
 * @param labels true labels [n] @param given [n]
 */
export function transitionMatrix(labels: Int32Array, given: Int32Array, classes: number): number[][] {
  const counts = Array.from({ length: classes }, () => Array.from({ length: classes }, () => 0));
  labels.forEach((label, i) => {
    const row = counts[label];
    const column = given[i] ?? 0;
    if (row) row[column] = (row[column] ?? 0) + 1;
  });
  return counts.map((row) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count) => (total === 0 ? 0 : count / total));
  });
}
