import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import {
  checkpointsOf,
  contradictions,
  evaluationsBeside,
  prepareEvaluation,
  shareInterval,
  startEvaluation,
  stopEvaluation,
  type Evaluation,
} from '../lab/evaluate';
import { formatDuration } from '../lab/format';
import { findRun } from '../lab/store';
import { attackTitles } from '../protocol/attacks';
import { evaluationAttackSchema, type EvaluationAttack } from '../protocol/evaluation';
import { exitCodes } from '../protocol/run';
import { runsFolder, tools, withCommonOptions, type CommonOptions } from './context';
import { print, table, UsageError } from './output';

interface EvaluateOptions extends CommonOptions {
  checkpoints: string;
  attack: string;
  epsilon?: number;
  norm?: string;
  steps?: number;
  stepSize?: number;
  restarts?: number;
  seed?: number;
  set: string[];
  limit?: number;
  saveImages?: boolean;
  runtime?: 'auto' | 'tensorflow' | 'wasm';
}

export function evaluateCommand(): Command {
  return withCommonOptions(new Command('evaluate'))
    .description('count what checkpoints classify right under an attack; goes on where an earlier call was stopped')
    .argument('<checkpoint|run>', 'a .safetensors file, or a run')
    .option('--checkpoints <which>', 'of a run: epochs such as 71-100, or latest, best, epoch-10', 'latest')
    .option('--attack <name>', 'none, fgsm, pgd20, apgd-ce, square, autoattack, …', 'pgd20')
    .option('--epsilon <x>', 'radius of the ball, in pixels of [0, 1]', numeric)
    .option('--norm <name>', 'linf or l2')
    .option('--steps <n>', 'steps of the attack', numeric)
    .option('--step-size <x>', 'size of a step', numeric)
    .option('--restarts <n>', 'random restarts', numeric)
    .option('--seed <n>', 'seed of the attack', numeric)
    .option(
      '--set <option=value>',
      'set another option of the attack, such as version=plus (repeatable)',
      (value, all: string[]) => [...all, value],
      [],
    )
    .option('--limit <n>', 'the first n test images only', numeric)
    .option('--save-images', 'keep the perturbed images')
    .option('--runtime <name>', 'auto, tensorflow or wasm')
    .action(async (reference: string, options: EvaluateOptions) => {
      const attack = attackOf(options);
      const { limit } = options;
      if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1)) {
        throw new UsageError(`--limit ${limit}: expected a number of images`);
      }
      process.exitCode = await evaluateAll(await checkpointsMeant(reference, options), attack, options);
    });
}

function numeric(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new UsageError(`${text} is not a number`);
  return value;
}

/** @throws UsageError that names the option which the attack does not have or cannot take */
function attackOf({ attack: name, set, ...options }: EvaluateOptions): EvaluationAttack {
  const wrong = set.find((setting) => !/^[^=]+=/.test(setting));
  if (wrong !== undefined) throw new UsageError(`--set ${wrong}: expected option=value`);
  const { epsilon, norm, steps, stepSize, restarts, seed } = options;
  const given = Object.entries({ epsilon, norm, steps, stepSize, restarts, seed }).filter(
    ([, value]) => value !== undefined,
  );
  const more = set.map((setting) => {
    const at = setting.indexOf('=');
    return [setting.slice(0, at), jsonOrText(setting.slice(at + 1))] as const;
  });
  const result = evaluationAttackSchema.safeParse({ name, ...Object.fromEntries([...given, ...more]) });
  if (result.success) return result.data;
  if (name !== 'none' && !(name in attackTitles)) {
    throw new UsageError(`There is no attack ${name}. Choose one of none, ${Object.keys(attackTitles).join(', ')}.`);
  }
  throw new UsageError(`--attack ${name}: ${reasonOf(result.error.issues)}`);
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

interface Issue {
  readonly message: string;
  readonly path: readonly PropertyKey[];
  readonly errors?: readonly (readonly Issue[])[];
}

/** What is wrong with an attack: of the possibilities that were tried, what the one that bears its name says. */
function reasonOf(issues: readonly Issue[]): string {
  const [issue] = issues;
  if (issue?.errors) return reasonOf(issue.errors.at(-1) ?? []);
  if (!issue) return 'it cannot be read';
  return issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message;
}

async function checkpointsMeant(reference: string, options: EvaluateOptions): Promise<string[]> {
  const file = resolve(reference);
  if (reference.endsWith('.safetensors')) {
    if (!existsSync(file)) throw new UsageError(`There is no file ${file}.`);
    return [file];
  }
  const run = await findRun(runsFolder(options), reference);
  return checkpointsOf(run.folder, options.checkpoints).catch((error: unknown) => {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  });
}

/** Evaluates one checkpoint after the other. @returns the exit code */
async function evaluateAll(
  checkpoints: readonly string[],
  attack: EvaluationAttack,
  options: EvaluateOptions,
): Promise<number> {
  const { limit, saveImages, runtime, json } = options;
  const done: Evaluation[] = [];
  let code: number = exitCodes.done;
  for (const checkpoint of checkpoints) {
    const evaluation = await prepareEvaluation({ checkpoint, attack, limit, saveImages: saveImages ?? false, runtime });
    if (evaluation.status !== 'completed') code = await follow(evaluation, json ?? false);
    if (code !== exitCodes.done) break;
    done.push(evaluation);
  }
  const warnings = (await Promise.all(done.map(warningsOf))).flat();
  if (json) {
    print.json({
      version: 1,
      evaluations: done.map(({ id, folder, record }) => ({ id, folder, ...record })),
      warnings,
    });
    return code;
  }
  if (done.length > 0)
    print.line(table(['checkpoint', 'images', 'natural', attack.name, '95 % interval'], done.map(row)));
  for (const warning of warnings) print.note(`warning: ${warning}`);
  return code;
}

async function warningsOf(evaluation: Evaluation): Promise<string[]> {
  const told = evaluation.log.filter((line) => line.startsWith('warn: ')).map((line) => line.slice('warn: '.length));
  return [...told, ...contradictions(evaluation, await evaluationsBeside(evaluation.checkpoint))];
}

function row({ record }: Evaluation): string[] {
  const counts = record?.counts;
  if (!record || !counts) return [record?.checkpoint ?? '', '', '', '', ''];
  const { total, correct, robust } = counts;
  const interval = shareInterval(robust, total).map((bound) => (bound * 100).toFixed(1));
  return [
    basename(record.checkpoint, '.safetensors'),
    String(total),
    percent(correct / total),
    percent(robust / total),
    `${interval.join(' – ')} %`,
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/** Starts an evaluation and stays with it; Ctrl-C stops it, and it can go on later. @returns the exit code */
async function follow(evaluation: Evaluation, quiet: boolean): Promise<number> {
  await startEvaluation(evaluation, tools);
  let interrupted = false;
  const onInterrupt = () => {
    if (!interrupted) print.note('Stopping; the same command goes on from here.');
    interrupted = true;
    void stopEvaluation(evaluation);
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  const bar = quiet || !process.stderr.isTTY ? undefined : progressBar(evaluation);
  do {
    await sleep(100);
    await evaluation.refresh();
    bar?.update();
  } while (evaluation.status === 'running' || evaluation.status === 'queued');
  bar?.stop();
  process.off('SIGINT', onInterrupt);
  process.off('SIGTERM', onInterrupt);
  if (evaluation.status === 'completed') return exitCodes.done;
  const note = evaluation.statusNote === undefined ? '' : `: ${evaluation.statusNote}`;
  print.note(`${basename(evaluation.checkpoint)}: ${evaluation.status}${note}`);
  return evaluation.status === 'stopped' ? exitCodes.stopped : exitCodes.failed;
}

function progressBar(evaluation: Evaluation) {
  const title = `${basename(evaluation.checkpoint, '.safetensors')} ${evaluation.record?.attack.name ?? ''}`;
  const bar = new SingleBar({
    format: `${title} {bar} {percentage} % | {left} | {accuracy}`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(1, 0, { left: '', accuracy: '' });
  return {
    update: () => {
      const { progress, metrics } = evaluation;
      const [share] = Object.entries(metrics).at(-1)?.slice(1) ?? [];
      bar.setTotal(progress.batches ?? 1);
      bar.update(progress.batch, {
        left: progress.secondsLeft === undefined ? '' : `${formatDuration(progress.secondsLeft)} left`,
        accuracy: typeof share === 'number' ? `${percent(share)} so far` : '',
      });
    },
    stop: () => bar.stop(),
  };
}
