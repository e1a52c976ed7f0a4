/** What the name of a metric tells of its values. Other programs' metrics are taken by the same names. */

/** Accuracies, recoveries, risks and the like are shares in [0, 1], shown in percent. */
export function isShare(metric: string): boolean {
  return /accuracy|recovery|utilization|risk|aurc/.test(metric);
}

/** Whether the best value of a metric is its lowest one. */
export function lowerIsBetter(metric: string): boolean {
  return /loss|risk|aurc/.test(metric);
}
