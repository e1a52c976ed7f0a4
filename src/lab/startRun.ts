import type * as z from 'zod';
import type { configSchema } from '../protocol/config';
import type { DataSetName } from '../protocol/data';
import type { MethodName } from '../protocol/methods';

/** What Start Run asks for: one answer to each question. */
export interface StartAnswers {
  dataSet: DataSetName;
  /** Share of the training labels drawn anew, in [0, 1]. */
  rate: number;
  method: MethodName;
  epochs: number;
  /** Folder with the data set's files, where they are not found without. */
  root?: string | undefined;
}

type Config = z.input<typeof configSchema>;

/** The configuration that a few answers stand for: what they leave open is at its default, or follows from them. */
export function startConfig(answers: StartAnswers): Config {
  const { dataSet, rate, method, epochs, root } = answers;
  return {
    method: methodOf(answers),
    data: {
      name: dataSet,
      ...(root === undefined ? {} : { root }),
      ...(rate > 0 ? { noise: { type: 'corrupted_label', rate } } : {}),
    },
    epochs,
    ...(isAdversarial(method) ? robustness(dataSet) : {}),
  };
}

/** The epochs before a method sets in are the shares of all epochs that the small presets have. */
function methodOf({ dataSet, rate, method, epochs }: StartAnswers): Config['method'] {
  const share = (part: number) => Math.max(1, Math.round(epochs * part));
  switch (method) {
    case 'sat':
    case 'sat_sce':
      return { name: method, startEpoch: share(0.075) };
    case 'co_teaching':
      return { name: method, forgetRate: wrongShare(rate, dataSet) };
    case 'selective_sat':
      return { name: method, pretrainEpochs: share(1 / 2) };
    case 'deep_gamblers':
      return { name: method, pretrainEpochs: share(1 / 3) };
    case 'adversarial_training':
    case 'trades':
      return { name: method, ...ball(dataSet) };
    case 'trades_sat':
      return { name: method, startEpoch: share(0.69), ...ball(dataSet) };
    default:
      return { name: method };
  }
}

/** The share of labels that are wrong at a rate of corrupted ones, which may be the true one by chance. */
function wrongShare(rate: number, dataSet: DataSetName): number {
  // How many classes a folder has is not known here.
  const classes = dataSet === 'cifar100' ? 100 : 10;
  return rounded(rate * (1 - 1 / classes));
}

/** The usual radii ε in pixels of [0, 1] where they are not the authors' 0.031: small and grey images bear more. */
const radii: Partial<Record<DataSetName, number>> = { digits: 0.1, mnist: 0.3, 'fashion-mnist': 0.1 };

/** What an adversarial method perturbs its images by; its steps are the authors' share of ε (0.007 of 0.031). */
function ball(dataSet: DataSetName): { epsilon?: number; stepSize?: number } {
  const epsilon = radii[dataSet];
  return epsilon === undefined ? {} : { epsilon, stepSize: rounded(epsilon * 0.226) };
}

function isAdversarial(method: MethodName): boolean {
  return method === 'adversarial_training' || method === 'trades' || method === 'trades_sat';
}

/** PGD-20 in the ball that is trained in, on so few images that it takes less than the training. */
function robustness(dataSet: DataSetName): Pick<Config, 'evaluate' | 'checkpoint'> {
  const epsilon = radii[dataSet];
  const radius = epsilon === undefined ? {} : { epsilon, stepSize: rounded(epsilon / 10) };
  return {
    evaluate: { attacks: [{ name: 'pgd20', ...radius, limit: 500 }] },
    checkpoint: { best: 'test/robust_accuracy/pgd20' },
  };
}

function rounded(value: number): number {
  return Number(value.toFixed(4));
}
