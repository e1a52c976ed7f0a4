import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import * as vscode from 'vscode';
import { attackLine, numberOf, readAttack } from '../lab/attackText';
import { recordedConfig } from '../lab/config';
import { isLimitedTo, prepareEvaluation, startEvaluation, stopEvaluation, type Evaluation } from '../lab/evaluate';
import { formatDuration } from '../lab/format';
import { attackSettings, attackTitle, countWords, resultWords, shareWords } from '../lab/robustness';
import type { Run, RunCheckpoint } from '../lab/run';
import {
  attackDescriptions,
  attackTitles,
  usualEpsilon,
  type AttackConfig,
  type AttackName,
  type Norm,
} from '../protocol/attacks';
import { messageOf } from '../protocol/errors';
import type { EvaluationAttack } from '../protocol/evaluation';
import type { Lab } from './lab';
import { lastEvaluationChoices, rememberEvaluationChoices, type EvaluationChoices } from './memory';
import { askStep, back, type Choice, type Step } from './quickPickSteps';
import { trusted } from './startRun';

/** A checkpoint, and the run that wrote it. */
export interface Target {
  run: Run;
  checkpoint: RunCheckpoint;
}

interface Answers {
  targets: readonly Target[];
  /** Its name and the options that are not as usual: "pgd steps=100 norm=l2". */
  attack: string;
  /** One radius, or several with commas; says nothing where the attack has its own. */
  epsilon: string;
  /** 0: all. */
  limit: number;
}

/** How often a notification of progress is renewed, in milliseconds. */
const renewed = 300;

/**
 * "SAT: Evaluate Checkpoint": which checkpoint, where none is named; then the attack, its ε and how many images, each
 * with the last choice on top. What was stopped before goes on.
 * @param onStart called with each target when its evaluation is in the tree
 */
export async function evaluateCommand(
  lab: Lab,
  state: vscode.Memento,
  named: readonly Target[],
  onStart: (target: Target) => Promise<void>,
): Promise<void> {
  const needsTrust = vscode.l10n.t(
    'Evaluating a checkpoint needs a trusted workspace. Results can be looked at without.',
  );
  if (!(await trusted(needsTrust))) return;
  await lab.load();
  const answers = await ask(lab, named, lastEvaluationChoices(state));
  if (!answers) return;
  const { targets, attack, epsilon, limit } = answers;
  await rememberEvaluationChoices(state, { attack, limit, ...(needsRadius(attack) ? { epsilon } : {}) });
  const evaluations: Evaluation[] = [];
  for (const target of targets) {
    for (const each of attacksOf(attack, epsilon)) {
      const request = { checkpoint: target.checkpoint.path, attack: each, limit: limit === 0 ? undefined : limit };
      evaluations.push(await prepareEvaluation(request));
    }
    await lab.look(target.run);
    await onStart(target);
  }
  const open = evaluations.filter(({ status }) => status !== 'completed' && status !== 'running');
  const [first] = evaluations;
  if (open.length === 0 && first) sayKnown(first);
  await followAll(lab, open);
}

/** Goes on with one evaluation that was stopped, or begins one that waits. */
export async function resumeEvaluation(lab: Lab, evaluation: Evaluation): Promise<void> {
  await followAll(lab, [evaluation]);
}

/** Evaluates one after the other, each in a process that outlives the window; the notification can stop it. */
async function followAll(lab: Lab, evaluations: readonly Evaluation[]): Promise<void> {
  for (const [i, evaluation] of evaluations.entries()) {
    await startEvaluation(evaluation, lab.tools);
    const place = evaluations.length === 1 ? '' : ` (${i + 1}/${evaluations.length})`;
    const title = `${evaluationName(evaluation)}${place}`;
    await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title, cancellable: true },
      async (progress, token) => {
        token.onCancellationRequested(() => void stopEvaluation(evaluation));
        let shown = 0;
        do {
          await sleep(renewed);
          await evaluation.refresh();
          const done = evaluation.doneShare * 100;
          progress.report({ message: progressWords(evaluation), increment: done - shown });
          shown = done;
        } while (evaluation.status === 'running');
      },
    );
    // Stopped by somebody, or failed: what comes after would not be wanted, or fail too.
    if (evaluation.status !== 'completed') return;
  }
}

/** "PGD-20 on epoch-40". */
export function evaluationName({ record, checkpoint }: Evaluation): string {
  return vscode.l10n.t('{0} on {1}', attackTitle(record?.attack ?? { name: '' }), basename(checkpoint, '.safetensors'));
}

/** "34 % · 41.3 % ± 2.1 so far · 3 min left". */
export function progressWords(evaluation: Evaluation): string {
  const { robust, progress } = evaluation;
  const done = evaluation.doneShare;
  if (done === 0) return vscode.l10n.t('starting');
  const left = progress.secondsLeft;
  return [
    `${Math.floor(done * 100)} %`,
    ...(robust ? [vscode.l10n.t('{0} so far', shareWords(robust))] : []),
    ...(left === undefined || done >= 1 ? [] : [vscode.l10n.t('{0} left', formatDuration(left))]),
  ].join(' · ');
}

function sayKnown(evaluation: Evaluation): void {
  const name = evaluationName(evaluation);
  const message =
    evaluation.status === 'running'
      ? vscode.l10n.t('{0} is being evaluated already.', name)
      : vscode.l10n.t('{0} has been evaluated already: {1}.', name, resultWords(evaluation));
  void vscode.window.showInformationMessage(message);
}

/** One attack for each ε, where the attack does not say its own. */
function attacksOf(attack: string, epsilon: string): EvaluationAttack[] {
  if (!needsRadius(attack)) return [readAttack(attack)];
  return epsilon.split(',').map((radius) => readAttack(`${attack} epsilon=${radius}`));
}

function needsRadius(attack: string): boolean {
  return attack !== 'none' && !/\sepsilon=/.test(attack);
}

async function ask(lab: Lab, named: readonly Target[], last: EvaluationChoices): Promise<Answers | undefined> {
  const answers: Answers = { targets: named, attack: 'pgd20', epsilon: '0.031', limit: 1000 };
  let run: Run | undefined;
  const questions: { asked: () => boolean; ask: (place: Place) => Promise<unknown> }[] = [
    {
      asked: () => named.length === 0,
      ask: (place) => askStep({ ...place, ...runStep(lab) }).then(keep((chosen) => (run = chosen))),
    },
    {
      asked: () => named.length === 0,
      ask: (place) =>
        askStep({ ...place, ...checkpointStep(run) }).then(keep((targets) => (answers.targets = targets))),
    },
    {
      asked: () => true,
      ask: (place) =>
        askStep({ ...place, ...attackStep(answers, last) }).then(keep((attack) => (answers.attack = attack))),
    },
    {
      asked: () => needsRadius(answers.attack),
      ask: (place) =>
        askStep({ ...place, ...epsilonStep(answers, last) }).then(keep((epsilon) => (answers.epsilon = epsilon))),
    },
    {
      asked: () => true,
      ask: (place) => askStep({ ...place, ...limitStep(answers, last) }).then(keep((limit) => (answers.limit = limit))),
    },
  ];
  for (let at = 0; ;) {
    const asked = questions.filter((question) => question.asked());
    const question = asked[at];
    if (!question) return answers;
    const title = titleOf(named);
    const answer = await question.ask({ title, step: at + 1, totalSteps: asked.length });
    if (answer === undefined) return undefined;
    at += answer === back ? -1 : 1;
  }
}

type Place = Pick<Step<unknown>, 'title' | 'step' | 'totalSteps'>;
type Question<T> = Omit<Step<T>, keyof Place>;

function titleOf(named: readonly Target[]): string {
  const [first] = named;
  if (!first) return vscode.l10n.t('Evaluate Checkpoint');
  return named.length === 1
    ? vscode.l10n.t('Evaluate {0}', first.checkpoint.name)
    : vscode.l10n.t('Evaluate {0} Checkpoints', named.length);
}

/** Keeps an answer, and passes it on. */
function keep<T>(store: (answer: T) => void) {
  return (answer: T | typeof back | undefined) => {
    if (isAnswer(answer)) store(answer);
    return answer;
  };
}

function isAnswer<T>(answer: T | typeof back | undefined): answer is T {
  return answer !== undefined && answer !== back;
}

function runStep(lab: Lab): Question<Run> {
  const items = lab.runs
    .filter((run) => keptCheckpoints(run).length > 0)
    .map((run) => ({
      label: run.name,
      description: vscode.l10n.t('{0} checkpoints', keptCheckpoints(run).length),
      value: run,
    }));
  return { placeholder: items.length > 0 ? vscode.l10n.t('Run') : vscode.l10n.t('No run has a checkpoint yet'), items };
}

function checkpointStep(run: Run | undefined): Question<readonly Target[]> {
  if (!run) return { placeholder: '', items: [] };
  const targets = keptCheckpoints(run).map((checkpoint) => ({ run, checkpoint }));
  const items: Choice<readonly Target[]>[] = targets.map((target) => ({
    label: target.checkpoint.name,
    description: vscode.l10n.t('epoch {0}', target.checkpoint.epoch),
    value: [target],
  }));
  const byEpoch = targets.filter(({ checkpoint }) => checkpoint.name.startsWith('epoch-'));
  if (byEpoch.length > 1) {
    const description = vscode.l10n.t('one after the other, for robust accuracy by epoch');
    items.push({ label: vscode.l10n.t('All {0} Epochs', byEpoch.length), description, value: byEpoch.reverse() });
  }
  return { placeholder: vscode.l10n.t('Checkpoint'), items };
}

/** Those whose file is still there: old ones are removed as a run goes on. */
function keptCheckpoints(run: Run): RunCheckpoint[] {
  return run.checkpoints.filter(({ path }) => existsSync(path));
}

function attackStep({ targets }: Answers, last: EvaluationChoices): Question<string> {
  const described = attackDescriptions();
  const names = Object.keys(attackTitles) as AttackName[];
  const usual: AttackName[] = ['pgd20', 'autoattack', 'fgsm', 'apgd-ce'];
  const items: Choice<string>[] = [...new Set([...usual, ...names])].map((name) => ({
    label: attackTitles[name],
    // The label is not said twice: "AutoAttack: several attacks in turn".
    description: (described.get(name) ?? '').replace(new RegExp(`^${attackTitles[name]}(?::| (?=as)) ?`), ''),
    value: name,
  }));
  items.push({ label: vscode.l10n.t('No Attack'), description: vscode.l10n.t('natural accuracy'), value: 'none' });
  const inTraining = attacksInTraining(targets).map(attackLine);
  const own = (line: string) => ({
    ...attackItem(line),
    ...(inTraining.includes(line) ? { detail: vscode.l10n.t('as during training') } : {}),
  });
  const known = new Set(items.map(({ value }) => value));
  const remembered = last.attack ?? 'pgd20';
  const more = [...new Set([...inTraining, remembered])].filter(
    (line) => !known.has(line) && attackOf(line) !== undefined,
  );
  return {
    placeholder: vscode.l10n.t('Attack; options may follow its name: pgd steps=100 restarts=5 norm=l2'),
    items: [...more.map(own), ...items],
    preferred: remembered,
    typed: (text) => {
      const line = text.trim().replaceAll(/\s+/g, ' ');
      if (!line.includes(' ')) return undefined;
      try {
        return { ...attackItem(line), description: line };
      } catch (error) {
        return messageOf(error);
      }
    },
  };
}

/** @throws Error in words when it is none */
function attackItem(line: string): Choice<string> {
  const attack = readAttack(line);
  return { label: attackTitle(attack), description: attackSettings(attack), value: line };
}

/** What another version remembers may be none. */
function attackOf(line: string): EvaluationAttack | undefined {
  try {
    return readAttack(line);
  } catch {
    return undefined;
  }
}

/** The attacks that the run was evaluated with as it trained. */
function attacksInTraining([target]: readonly Target[]): AttackConfig[] {
  const record = target?.run.record;
  return (record && recordedConfig(record)?.evaluate.attacks) ?? [];
}

function normOf(line: string | undefined): Norm {
  const attack = attackOf(line ?? '');
  return attack && 'norm' in attack ? attack.norm : 'linf';
}

function epsilonStep({ attack }: Answers, last: EvaluationChoices): Question<string> {
  const norm = normOf(attack);
  const four = vscode.l10n.t('four evaluations, for robust accuracy against ε');
  const known: Record<Norm, ReadonlyMap<string, string>> = {
    linf: new Map([
      ['0.031', vscode.l10n.t('as the authors on CIFAR-10')],
      ['0.1', vscode.l10n.t('usual on Fashion-MNIST')],
      ['0.3', vscode.l10n.t('usual on MNIST')],
      ['0.008,0.016,0.031,0.062', four],
    ]),
    l2: new Map([
      ['0.5', vscode.l10n.t('usual on CIFAR-10')],
      ['1', ''],
      ['0.25,0.5,1,2', four],
    ]),
  };
  const words = known[norm];
  const item = (value: string) => ({
    label: value.replaceAll(',', ', '),
    description: words.get(value) ?? '',
    value,
  });
  const usual = String(usualEpsilon[norm]);
  const preferred = normOf(last.attack) === norm ? (last.epsilon ?? usual) : usual;
  return {
    placeholder: vscode.l10n.t('Radius ε, in pixels of [0, 1]; type another (8/255), or several with commas'),
    items: [...new Set([preferred, ...words.keys()])].map(item),
    preferred,
    typed: (text) => {
      const radii = text.split(',').map((part) => part.trim());
      const largest = norm === 'linf' ? 1 : Infinity;
      return radii.every((part) => numberOf(part) >= 0 && numberOf(part) <= largest)
        ? {
            label: radii.join(', '),
            description: radii.length > 1 ? vscode.l10n.t('{0} evaluations, one after the other', radii.length) : '',
            value: radii.map((part) => String(numberOf(part))).join(','),
          }
        : undefined;
    },
  };
}

function limitStep(answers: Answers, last: EvaluationChoices): Question<number> {
  const item = (limit: number) => ({
    label: limit === 0 ? vscode.l10n.t('All Images') : vscode.l10n.t('{0} Images', countWords(limit)),
    description: [
      limit === 0 ? vscode.l10n.t('the whole test set') : vscode.l10n.t('the first ones of the test set'),
      ...knownWords(answers, limit),
    ].join(', '),
    value: limit,
  });
  const inTraining = attacksInTraining(answers.targets).flatMap((attack) => attack.limit ?? []);
  const limits = new Set([last.limit ?? 1000, ...inTraining, 1000, 100, 0]);
  return {
    placeholder: vscode.l10n.t('How many test images; type another number'),
    items: [...limits].map(item),
    preferred: last.limit ?? 1000,
    typed: (text) => {
      const limit = Number(text);
      return text.trim() !== '' && Number.isInteger(limit) && limit > 0 && !limits.has(limit) ? item(limit) : undefined;
    },
  };
}

/** What is there of the evaluation already, or about how long it takes, where that was measured. */
function knownWords({ targets, attack, epsilon }: Answers, limit: number): string[] {
  const attacks = attacksOf(attack, epsilon);
  const [target] = targets;
  const [first] = attacks;
  if (!target || !first) return [];
  if (targets.length === 1 && attacks.length === 1) {
    const same = target.run.evaluationsOf(target.checkpoint).find((evaluation) => {
      return isLimitedTo(evaluation, limit === 0 ? null : limit) && isDeepStrictEqual(evaluation.record?.attack, first);
    });
    if (same?.status === 'completed') return [vscode.l10n.t('done: {0}', resultWords(same))];
    if (same?.status === 'running') return [vscode.l10n.t('at work')];
    if (same && same.doneShare > 0) {
      return [vscode.l10n.t('goes on at {0} %', Math.floor(same.doneShare * 100))];
    }
  }
  const { evaluations } = target.run;
  const measured = evaluations.findLast(
    ({ record, duration }) => record?.counts && record.attack.name === first.name && duration !== undefined,
  );
  if (!measured?.record?.counts || measured.duration === undefined || limit === 0) return [];
  const each = measured.duration / measured.record.counts.total;
  const seconds = each * limit * targets.length * attacks.length;
  return [vscode.l10n.t('about {0}', formatDuration(seconds))];
}
