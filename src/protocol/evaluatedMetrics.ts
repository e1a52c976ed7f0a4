import type { RunConfig } from './config';
import { abstainingMethods, softTargetMethods } from './methods';

/** Coverages in percent at which the risk of a selective classifier is a metric. */
export const reportedCoverages: readonly number[] = [95, 90, 80, 70];

/** What a run measures at each evaluation, and hence what `checkpoint.best` can name. */
export function evaluatedMetrics({ method, data, evaluate }: RunConfig): string[] {
  const selective = evaluate.selective || abstainingMethods.has(method.name);
  return [
    'test/loss',
    'test/accuracy',
    'train_eval/accuracy',
    'train_eval/clean_accuracy',
    ...(data.validation > 0 ? ['val/accuracy', 'test/accuracy_at_best_val', 'val/clean_accuracy'] : []),
    ...(selective ? ['selective/aurc', ...reportedCoverages.map((coverage) => `selective/risk@${coverage}`)] : []),
    ...(softTargetMethods.has(method.name) ? ['sat/label_recovery', 'sat/target_entropy'] : []),
    ...evaluate.attacks.map(({ name }) => `test/robust_accuracy/${name}`),
  ];
}
