import { attackTitles } from '../src/protocol/attacks';
import { isShare } from '../src/protocol/metrics';
import { aboutMark } from '../src/protocol/panel';

/** Which metrics share a chart, and which question the chart answers. A new kind of chart is one entry here. */
export interface Family {
  key: string;
  /** The question that the chart answers. */
  title: string;
  /** Metric and unit. */
  subtitle: string;
  /** What stands at the y axis. */
  axis: string;
  /** Metrics in [0, 1] are shown in percent. */
  percent: boolean;
  /** What stands at the x axis, where that is not the time of training. */
  against?: string;
  /** Points stand for themselves, and are marked where there are few. */
  marked?: boolean;
}

interface KnownFamily extends Family {
  metrics: RegExp;
}

const known: readonly KnownFamily[] = [
  {
    key: 'test',
    metrics: /^((test|val)\/(clean_)?accuracy|test\/accuracy_at_best_val)$/,
    title: 'Does accuracy on new images fall back?',
    subtitle: 'accuracy on test and validation images',
    axis: 'accuracy',
    percent: true,
  },
  {
    key: 'robust',
    metrics: /^test\/robust_accuracy\//,
    title: 'Does robustness fall back?',
    subtitle: 'robust accuracy on test images',
    axis: 'robust accuracy',
    percent: true,
    marked: true,
  },
  {
    key: 'robust-epsilon',
    metrics: /^robust_accuracy_against_epsilon\//,
    title: 'How large a perturbation is withstood?',
    subtitle: 'robust accuracy against ε, from the natural accuracy at 0',
    axis: 'robust accuracy',
    percent: true,
    against: 'ε',
    marked: true,
  },
  {
    key: 'robust-steps',
    metrics: /^robust_accuracy_against_steps\//,
    title: 'Do more steps find more?',
    subtitle: 'robust accuracy against the steps of the attack',
    axis: 'robust accuracy',
    percent: true,
    against: 'steps',
    marked: true,
  },
  {
    key: 'risk-coverage',
    metrics: /^risk_against_coverage\//,
    title: 'Are its surest answers right?',
    subtitle: 'selective risk: wrong answers among those given, the surest first',
    axis: 'selective risk',
    percent: true,
    against: 'coverage (%)',
  },
  {
    key: 'selective',
    metrics: /^selective\/risk@/,
    title: 'Does abstaining get better?',
    subtitle: 'selective risk when the least sure answers are not given',
    axis: 'selective risk',
    percent: true,
  },
  {
    key: 'aurc',
    metrics: /^selective\/aurc$/,
    title: 'How good is the order of its answers?',
    subtitle: 'area under the curve of risk against coverage',
    axis: 'area',
    percent: true,
  },
  {
    key: 'memorisation',
    metrics: /^train(_eval)?\/(clean_)?accuracy$/,
    title: 'Are wrong labels memorised?',
    subtitle: 'accuracy on the training images, against given and against true labels',
    axis: 'accuracy',
    percent: true,
  },
  {
    key: 'recovery',
    metrics: /^sat\/label_recovery$/,
    title: 'How many labels are recovered?',
    subtitle: 'share of soft targets whose largest entry is the true label',
    axis: 'labels recovered',
    percent: true,
  },
  {
    key: 'loss',
    metrics: /(^|\/)loss$/,
    title: 'Is it still learning?',
    subtitle: 'loss, nats',
    axis: 'loss (nats)',
    percent: false,
  },
  {
    key: 'entropy',
    metrics: /^sat\/target_entropy$/,
    title: 'How sure are the targets?',
    subtitle: 'mean entropy of the soft targets, nats',
    axis: 'entropy (nats)',
    percent: false,
  },
  {
    key: 'lr',
    metrics: /^lr$/,
    title: 'Learning rate',
    subtitle: 'of the optimiser',
    axis: 'learning rate',
    percent: false,
  },
  {
    key: 'speed',
    metrics: /^images_per_second$/,
    title: 'How fast is it?',
    subtitle: 'training images per second',
    axis: 'images per second',
    percent: false,
  },
];

/** The chart that a metric belongs to: a known one, else one for all metrics whose names begin alike. */
export function familyOf(metric: string): Family {
  const found = known.find(({ metrics }) => metrics.test(metric));
  if (found) return found;
  const [first = metric] = metric.split('/');
  const percent = isShare(metric);
  return {
    key: `other ${first} ${percent}`,
    title: first,
    subtitle: metric,
    axis: percent ? 'share' : 'value',
    percent,
  };
}

/** Charts in this order: known ones as above, then the rest by name. */
export function familyOrder(a: Family, b: Family): number {
  const place = ({ key }: Family) => {
    const i = known.findIndex((family) => family.key === key);
    return i < 0 ? known.length : i;
  };
  return place(a) - place(b) || a.key.localeCompare(b.key);
}

/** How a metric is called in a legend: "test", "train, true labels". */
export function metricLabel(metric: string): string {
  const names: Record<string, string> = {
    'train/accuracy': 'training, running',
    'train_eval/accuracy': 'given labels',
    'train_eval/clean_accuracy': 'true labels',
    'val/accuracy': 'validation, given labels',
    'val/clean_accuracy': 'validation, true labels',
    'test/accuracy': 'test',
    'test/accuracy_at_best_val': 'test, at the best validation',
    'train/loss': 'training',
    'test/loss': 'test',
    'sat/label_recovery': 'recovered',
    'sat/target_entropy': 'entropy',
    'selective/aurc': 'area',
    'risk_against_coverage/abstention': 'by abstention',
    'risk_against_coverage/softmax_response': 'by softmax response',
  };
  if (names[metric] !== undefined) return names[metric];
  const coverage = /^selective\/risk@(\d+)$/.exec(metric)?.[1];
  if (coverage !== undefined) return `${coverage} % answered`;
  const attack = /^(?:test\/robust_accuracy|robust_accuracy_against_\w+)\/(.+)$/.exec(metric)?.[1];
  if (attack === undefined) return metric;
  const titles: Record<string, string | undefined> = attackTitles;
  return titles[attack] ?? attack;
}

/**
 * How the metrics of one chart are called. What robust accuracies have in common, such as ε and the number of images, is
 * said once, for all of them.
 */
export function labelsOf(metrics: readonly string[]): { labels: Map<string, string>; common: string } {
  const abouts = metrics.map((metric) => metric.split(aboutMark)[1]?.split(', ') ?? []);
  const shared = (abouts[0] ?? []).filter((part) => abouts.every((about) => about.includes(part)));
  const labels = metrics.map((metric, i) => {
    const own = (abouts[i] ?? []).filter((part) => !shared.includes(part));
    return [metric, [metricLabel(metric.split(aboutMark)[0] ?? metric), ...own].join(', ')] as const;
  });
  return { labels: new Map(labels), common: shared.join(', ') };
}

/** Line styles tell the metrics of one chart apart. */
export type LineStyle = 'solid' | 'dashed' | 'dotted' | 'dash-dotted';

const styles: Record<string, LineStyle> = {
  'train/accuracy': 'dotted',
  'train_eval/clean_accuracy': 'dashed',
  'val/accuracy': 'dashed',
  'val/clean_accuracy': 'dotted',
  'test/accuracy_at_best_val': 'dash-dotted',
  'train/loss': 'dotted',
  'selective/risk@90': 'dashed',
  'selective/risk@80': 'dotted',
  'selective/risk@70': 'dash-dotted',
  'risk_against_coverage/softmax_response': 'dashed',
};

/** @param metrics of the chart: attacks have no style of their own, but one each */
export function lineStyle(metric: string, metrics: readonly string[] = []): LineStyle {
  const cycle: readonly LineStyle[] = ['solid', 'dashed', 'dotted'];
  if (metric.includes('robust_accuracy')) return cycle[Math.max(0, metrics.indexOf(metric)) % cycle.length] ?? 'solid';
  return styles[metric] ?? 'solid';
}

const dashes: Record<LineStyle, number[]> = { solid: [], dashed: [6, 3], dotted: [2, 3], 'dash-dotted': [8, 2, 2, 2] };

/** The same in pixels of line and gap. */
export function dashOf(metric: string, metrics: readonly string[] = []): number[] {
  return dashes[lineStyle(metric, metrics)];
}

/** A value in words, with the unit. */
export function formatValue(value: number, percent: boolean): string {
  if (!Number.isFinite(value)) return String(value);
  return percent ? `${(value * 100).toFixed(1)} %` : Number(value.toPrecision(4)).toString();
}
