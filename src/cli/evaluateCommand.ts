import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import {
  checkpointsOf,
  evaluationsBeside,
  prepareEvaluation,
  shareInterval,
  startEvaluation,
  stopEvaluation,
  type Evaluation,
} from '../lab/evaluate';
import { attackWords } from '../lab/robustness';
import { findRun } from '../lab/store';
import { noteOf, warningsOf } from '../lab/warnings';
import { messageOf } from '../protocol/errors';
import {
  deviceNames,
  runtimeNames,
  type Counts,
  type EvaluationAttack,
  type EvaluationRecord,
} from '../protocol/evaluation';
import { exitCodes } from '../protocol/run';
import { attacksOf, numbers, numeric, type AttackArguments } from './attackArguments';
import { runsFolder, tools, withCommonOptions, type CommonOptions } from './context';
import { showProgress } from './evaluationProgress';
import { onInterrupt } from './interrupts';
import { print, table, UsageError } from './output';

interface EvaluateOptions extends CommonOptions, AttackArguments {
  checkpoints: string;
  limit?: number;
  saveImages?: boolean;
  runtime?: EvaluationRecord['runtime'];
  device?: EvaluationRecord['device'];
  root?: string;
}

export function evaluateCommand(): Command {
  return withCommonOptions(new Command('evaluate'))
    .description('count what checkpoints classify right under an attack; goes on where an earlier call was stopped')
    .argument('<checkpoint|run>', 'a .safetensors file, or a run')
    .option('--checkpoints <which>', 'of a run: epochs such as 71-100, or latest, best, epoch-10', 'latest')
    .option('--attack <name>', 'none, fgsm, pgd20, apgd-ce, square, autoattack, …', 'pgd20')
    .option('--epsilon <x,…>', 'radius of the ball, in pixels of [0, 1], such as 8/255; several: each of them', numbers)
    .option('--norm <name>', 'linf or l2')
    .option('--steps <n,…>', 'steps of the attack; several: each of them', numbers)
    .option('--step-size <x>', 'size of a step; left out: 0.003, longer where that cannot cross the ball', numeric)
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
    .addOption(new Option('--runtime <name>', 'what computes').choices(runtimeNames))
    .addOption(new Option('--device <name>', 'where; gpu refuses to compute anywhere else').choices(deviceNames))
    .option('--root <folder>', 'the data set’s files, where they are not where the run found them')
    .action(async (reference: string, options: EvaluateOptions) => {
      const attacks = attacksOf(options);
      const { limit } = options;
      if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1)) {
        throw new UsageError(`--limit ${limit}: expected a number of images`);
      }
      process.exitCode = await evaluateAll(await checkpointsMeant(reference, options), attacks, options);
    });
}

async function checkpointsMeant(reference: string, options: EvaluateOptions): Promise<string[]> {
  const file = resolve(reference);
  if (reference.endsWith('.safetensors')) {
    if (!existsSync(file)) throw new UsageError(`There is no file ${file}.`);
    return [file];
  }
  const run = await findRun(runsFolder(options), reference);
  const { files, notes } = await checkpointsOf(run.folder, options.checkpoints).catch((error: unknown) => {
    throw new UsageError(messageOf(error));
  });
  for (const note of notes) print.note(note);
  return files;
}

/** What could not be evaluated, and why. */
interface Failure {
  checkpoint: string;
  attack: EvaluationAttack;
  reason: string;
  /** Undefined where the checkpoint is none. */
  evaluation: Evaluation | undefined;
}

/**
 * Evaluates one checkpoint after the other, each under one attack after the other. What fails does not keep the others
 * from being evaluated; a stop does.
 * @returns the exit code
 */
async function evaluateAll(
  checkpoints: readonly string[],
  attacks: readonly EvaluationAttack[],
  options: EvaluateOptions,
): Promise<number> {
  const { limit, saveImages, runtime, device, json } = options;
  const root = options.root === undefined ? undefined : resolve(options.root);
  const done: Evaluation[] = [];
  const failed: Failure[] = [];
  let unfinished: Evaluation | undefined;
  const seen = new Set<string>();
  const stop = { asked: false };
  const interrupts = onInterrupt((nth) => {
    if (nth === 1) print.note('Stopping; the same command goes on from here.');
    stop.asked = true;
  });
  const asked = checkpoints.flatMap((checkpoint) => attacks.map((attack) => ({ checkpoint, attack })));
  let code: number = exitCodes.done;
  for (const { checkpoint, attack } of asked) {
    if (stop.asked) {
      code = exitCodes.stopped;
      break;
    }
    const request = { checkpoint, attack, limit, saveImages: saveImages ?? false, runtime, device, root };
    let evaluation: Evaluation | undefined;
    try {
      evaluation = await prepareEvaluation(request);
      // One ε twice, or a checkpoint under two names.
      if (seen.has(evaluation.id)) continue;
      seen.add(evaluation.id);
      if (evaluation.status !== 'completed') await follow(evaluation, json ?? false, stop);
    } catch (error) {
      code = exitCodes.failed;
      failed.push({ checkpoint, attack, evaluation, reason: messageOf(error) });
      print.note(`${basename(checkpoint)}: failed: ${messageOf(error)}`);
      continue;
    }
    if (evaluation.status === 'stopped') {
      code = exitCodes.stopped;
      unfinished = evaluation;
      break;
    }
    done.push(evaluation);
  }
  interrupts.dispose();
  // Evaluations of one attack say much the same.
  const [warnings, notes] = [new Set<string>(), new Set<string>()];
  for (const evaluation of done) {
    const others = await evaluationsBeside(evaluation.checkpoint);
    for (const warning of warningsOf(evaluation, others)) warnings.add(warning);
    const note = noteOf(evaluation, others);
    if (note !== undefined) notes.add(note);
  }
  if (json) {
    print.json({
      version: 1,
      evaluations: done.map(described),
      failed: failed.map(describedFailure),
      warnings: [...warnings],
      notes: [...notes],
      ...(unfinished ? { unfinished: { ...described(unfinished), status: unfinished.status } } : {}),
    });
    return code;
  }
  if (done.length > 0) {
    print.line(resultTable(done, failed));
  }
  for (const warning of warnings) print.note(`warning: ${warning}`);
  for (const note of notes) print.note(`note: ${note}`);
  return code;
}

function described({ id, folder, record }: Evaluation) {
  return { id, folder, ...record };
}

function describedFailure({ checkpoint, attack, reason, evaluation }: Failure) {
  // Of one whose folder is gone there is no record.
  return { checkpoint, attack, ...(evaluation ? described(evaluation) : {}), status: 'failed', reason };
}

/** What all results have in common stands in the head: the attack with its settings, where there is one alone. */
function resultTable(done: readonly Evaluation[], failed: readonly Failure[]): string {
  const all = [
    ...done.map(({ checkpoint, record }) => {
      if (!record?.counts) throw new Error('the evaluation has not ended');
      return { checkpoint, attack: record.attack, ...resultCells(record.counts) };
    }),
    // The reason stands last, where it may be long.
    ...failed.map((failure) => ({ ...failure, images: '', natural: '', robust: 'failed', interval: failure.reason })),
  ];
  const [attack = '', ...others] = new Set(all.map((row) => attackWords(row.attack)));
  const several = others.length > 0;
  const attacked = all.some((row) => row.attack.name !== 'none');
  const row = (checkpoint: string, attack: string, images: string, natural: string, ...result: string[]) => [
    checkpoint,
    ...(several ? [attack] : []),
    images,
    // Without an attack it is the result.
    ...(attacked ? [natural] : []),
    ...result,
  ];
  return table(
    row('checkpoint', 'attack', 'images', 'natural', several ? 'robust' : attack, '95 % interval'),
    all.map(({ checkpoint, attack, images, natural, robust, interval }) =>
      row(basename(checkpoint, '.safetensors'), attackWords(attack), images, natural, robust, interval),
    ),
  );
}

function resultCells({ total, correct, robust }: Counts) {
  const interval = shareInterval(robust, total).map((bound) => (bound * 100).toFixed(1));
  return {
    images: String(total),
    natural: percent(correct / total),
    robust: percent(robust / total),
    interval: `${interval.join(' – ')} %`,
  };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/**
 * Starts an evaluation that does not run yet, and stays with it until it ends, or has stopped because that was asked for.
 * @throws Error in words when it fails
 */
async function follow(evaluation: Evaluation, quiet: boolean, stop: { readonly asked: boolean }): Promise<void> {
  // Whoever started it may be gone, with the terminal, or be another call that asked for it at the same time.
  const there = evaluation.status === 'running' || !(await startEvaluation(evaluation, tools));
  if (there) print.note(`${basename(evaluation.checkpoint)}: runs already, and is followed`);
  const progress = quiet ? undefined : showProgress(evaluation);
  do {
    if (stop.asked) await stopEvaluation(evaluation);
    await sleep(100);
    await evaluation.refresh();
    progress?.update();
  } while (evaluation.status === 'running');
  progress?.stop();
  const { status, statusNote, checkpoint, folder } = evaluation;
  // What was started says which process computes for as long as it is there.
  if (status === 'queued') throw new Error(`${folder} was moved or deleted`);
  if (status === 'stopped') print.note(`${basename(checkpoint)}: stopped`);
  else if (status !== 'completed') throw new Error(statusNote ?? status);
}
