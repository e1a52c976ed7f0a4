import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomic } from '../formats/atomicFile';
import { encodeNpy } from '../formats/npy';
import type { RunConfig } from '../protocol/config';
import { runFiles } from '../protocol/run';
import { createVictim } from './attacks/victim';
import { breathe, stoppable, unlessStopped } from './breathe';
import { loadCheckpoint, type Progress } from './checkpoint/checkpoint';
import { CheckpointKeeper } from './checkpoint/keeper';
import { augmentImages } from './data/augment';
import { batchRandom, epochOrder, gatherImages, imageTensor, randomStreams } from './data/batches';
import { prepareTrainingData, type TrainingData } from './data/prepare';
import type { DataSet } from './data/types';
import { countCorrect, meanCrossEntropy, predict } from './evaluate';
import type { EventSink } from './eventStream';
import { createMethod } from './methods/registry';
import { withNormalization } from './models/model';
import { models } from './models/registry';
import { oneHot } from './ops/crossEntropy';
import { createOptimizer } from './optimizers/registry';
import { learningRateAt } from './optimizers/schedule';
import { Problem } from './problem';
import { robustAccuracies } from './robustness';
import type { Runtime } from './runtimes';
import { describeSoftTargets } from './softTargets';
import { createTrainStep, type StepInputs } from './step';
import * as tf from './tf';

export interface TrainingRun {
  folder: string;
  config: RunConfig;
  dataSet: DataSet;
  runtime: Runtime;
  events: EventSink;
  /** Asked after every step; true ends the run gracefully. */
  stopRequested: () => boolean;
  /** Checkpoint to go on from. */
  resumeFrom?: string;
}

/**
 * Trains a model as a configuration says, telling of it in events, and leaves checkpoints, noise and soft targets in
 * the run's folder. A stopped run that is resumed gives the same metrics and weights as one that never stopped.
 * @returns how it ended
 * @throws Problem when the configuration and the data do not fit, or the loss is no longer a number
 */
export async function train(run: TrainingRun): Promise<'completed' | 'stopped'> {
  const { config, dataSet, events } = run;
  const data = prepareTrainingData(dataSet, config.data, config.seed);
  if (data.noise) await writeAtomic(join(run.folder, runFiles.noise), JSON.stringify(data.noise));

  const session = createSession(run, data);
  const { trained, keeper, stepsPerEpoch } = session;
  const steps = stepsPerEpoch * config.epochs;
  const progress: Progress = run.resumeFrom
    ? await loadCheckpoint(run.resumeFrom, trained)
    : { step: 0, epoch: 0, running: { loss: 0, correct: 0, samples: 0 }, best: null };
  if (run.resumeFrom) keeper.resume(await epochCheckpoints(run.folder, progress.epoch));

  events.emit({
    event: 'start',
    time: now(),
    runtime: run.runtime.name,
    device: run.runtime.device,
    steps,
    epochs: config.epochs,
    ...(run.resumeFrom ? { fromStep: progress.step } : {}),
  });

  while (progress.epoch < config.epochs) {
    const finished = (await trainEpoch(run, session, progress)) && (await endEpoch(run, session, progress));
    if (!finished) {
      await keeper.saveStop(trained, progress);
      await saveSoftLabels(run.folder, session);
      return 'stopped';
    }
  }
  await saveSoftLabels(run.folder, session);
  return 'completed';
}

/**
 * Evaluates and saves what is due at the end of an epoch.
 * @returns false when a stop was asked for meanwhile; then the epoch has not ended, and a resumed run ends it anew
 */
async function endEpoch(run: TrainingRun, session: Session, progress: Progress): Promise<boolean> {
  const { evaluate, checkpoint, epochs } = run.config;
  const { keeper, trained } = session;
  progress.epoch += 1;
  const due = (every: number) => progress.epoch === epochs || progress.epoch % every === 0;
  if (due(evaluate.every) && !(await evaluateEpoch(run, session, progress))) {
    progress.epoch -= 1;
    return false;
  }
  if (due(checkpoint.every)) await keeper.saveEpoch(trained, progress);
  return true;
}

type Session = ReturnType<typeof createSession>;

function createSession({ folder, config, dataSet, runtime, events, stopRequested }: TrainingRun, data: TrainingData) {
  const outputs = dataSet.classNames.length;
  const model = withNormalization(
    models[config.model.name]({
      input: dataSet.shape,
      outputs,
      random: batchRandom(config.seed, randomStreams.weights, 0, 0),
    }),
    dataSet.normalization,
  );
  const targets = oneHot(data.given, outputs);
  const method = createMethod(config.method, { targets });
  const optimizer = createOptimizer(config.optimizer, [...model.weights, ...(method.weights ?? [])]);
  const keeper = new CheckpointKeeper(
    folder,
    config.checkpoint.keep,
    { config, normalization: dataSet.normalization, seed: config.seed },
    events,
  );
  const trained = { model, optimizer, method };
  const victim = createVictim(
    model,
    { shape: dataSet.shape, classes: outputs },
    runtime.compile,
    stoppable(stopRequested),
  );
  const stepsPerEpoch = Math.ceil(data.train.length / config.batchSize);
  const trainStep = createTrainStep(trained, runtime.compile);
  return { data, model, method, targets, trained, keeper, trainStep, victim, stepsPerEpoch };
}

/** Goes on with the current epoch to its end. @returns false when a stop was asked for before that */
async function trainEpoch(run: TrainingRun, session: Session, progress: Progress): Promise<boolean> {
  const { config, events } = run;
  const { data, stepsPerEpoch } = session;
  const order = epochOrder(config.seed, progress.epoch, data.train.length);
  const learningRate = learningRateAt(config.optimizer, progress.epoch, config.epochs);
  let imagesSince = 0;
  let clock = performance.now();
  for (let i = progress.step - progress.epoch * stepsPerEpoch; i < stepsPerEpoch; i += 1) {
    if (run.stopRequested()) return false;
    const rows = order.slice(i * config.batchSize, (i + 1) * config.batchSize);
    // A run of `limit` or with validation images trains on the first rows only, so a row is its own original index.
    const inputs = stepInputs(run, session, rows, progress);
    const { loss, correct } = session.trainStep(
      inputs,
      {
        epoch: progress.epoch,
        random: batchRandom(config.seed, randomStreams.method, progress.epoch, progress.step),
      },
      learningRate,
    );
    tf.dispose(inputs);
    progress.step += 1;
    if (!Number.isFinite(loss)) {
      throw new Problem(`The loss is ${loss} at step ${progress.step}. Lower the learning rate, or look at the data.`);
    }
    progress.running.loss += loss * rows.length;
    progress.running.samples += rows.length;
    progress.running.correct += correct;
    imagesSince += rows.length;
    if (progress.step % config.metrics.every === 0) {
      const { loss: total, correct, samples } = progress.running;
      const seconds = (performance.now() - clock) / 1000;
      events.emit({
        event: 'metrics',
        step: progress.step,
        epoch: progress.epoch,
        time: now(),
        values: {
          'train/loss': total / samples,
          'train/accuracy': correct / samples,
          lr: learningRate,
          images_per_second: imagesSince / seconds,
        },
      });
      progress.running = { loss: 0, correct: 0, samples: 0 };
      imagesSince = 0;
      clock = performance.now();
    }
    await breathe();
  }
  return true;
}

function stepInputs(
  { config, dataSet }: TrainingRun,
  session: Session,
  rows: Int32Array,
  progress: Progress,
): StepInputs {
  const images = gatherImages(session.data.train.images, rows, dataSet.shape);
  const augmented = config.data.augment
    ? augmentImages(
        images,
        dataSet.shape,
        batchRandom(config.seed, randomStreams.augmentation, progress.epoch, progress.step),
      )
    : images;
  const indices = tf.tensor1d(rows, 'int32');
  return {
    images: imageTensor(augmented, dataSet),
    targets: tf.gather(session.targets, indices),
    indices,
  };
}

/** @returns false, and nothing told, when a stop was asked for meanwhile */
async function evaluateEpoch(run: TrainingRun, session: Session, progress: Progress): Promise<boolean> {
  const { config, dataSet, events } = run;
  const { data, model, method, trained, keeper } = session;
  const logitsOf = (images: Uint8Array) => predict(model, images, dataSet, breathe);
  const share = (logits: Float32Array, labels: Int32Array) => countCorrect(logits, labels) / labels.length;

  const test = await logitsOf(dataSet.test.images);
  const training = await logitsOf(data.train.images);
  const values: Record<string, number> = {
    'test/loss': meanCrossEntropy(test, dataSet.test.labels),
    'test/accuracy': share(test, dataSet.test.labels),
    'train_eval/accuracy': share(training, data.train.given),
    'train_eval/clean_accuracy': share(training, data.train.labels),
  };
  if (data.validation.length > 0) {
    const validation = await logitsOf(data.validation.images);
    values['val/accuracy'] = share(validation, data.validation.given);
    values['val/clean_accuracy'] = share(validation, data.validation.labels);
  }
  if (method.softTargets) {
    const k = dataSet.classNames.length;
    const rows = method.softTargets.dataSync<'float32'>().subarray(0, data.train.length * k);
    const { recovery, entropy } = describeSoftTargets(rows, data.train.labels);
    values['sat/label_recovery'] = recovery;
    values['sat/target_entropy'] = entropy;
  }
  const { attacks } = config.evaluate;
  const robust = await unlessStopped(() => robustAccuracies(session.victim, attacks, dataSet));
  if (!robust) return false;
  Object.assign(values, robust.values);
  const about = attacks.length > 0 ? { about: robust.about } : {};
  events.emit({ event: 'metrics', step: progress.step, epoch: progress.epoch, time: now(), values, ...about });
  await keepBest(config, values, progress, () => keeper.saveBest(trained, progress));
  return true;
}

async function keepBest(
  { checkpoint }: RunConfig,
  values: Record<string, number>,
  progress: Progress,
  save: () => Promise<void>,
): Promise<void> {
  if (checkpoint.best === 'none') return;
  const value = values[checkpoint.best];
  if (value === undefined) {
    throw new Problem(
      `checkpoint.best: there is no metric ${checkpoint.best}. Choose one of ${Object.keys(values).join(', ')}, or none.`,
    );
  }
  const better =
    progress.best === null || (checkpoint.best.includes('loss') ? value < progress.best : value > progress.best);
  if (!better) return;
  progress.best = value;
  await save();
}

async function saveSoftLabels(folder: string, { method }: Session): Promise<void> {
  if (!method.softTargets) return;
  const { shape } = method.softTargets;
  await writeAtomic(
    join(folder, runFiles.softLabels),
    Buffer.from(encodeNpy({ shape, data: method.softTargets.dataSync<'float32'>() })),
  );
}

/** Names of the epoch checkpoints up to an epoch, oldest first. */
async function epochCheckpoints(folder: string, epoch: number): Promise<string[]> {
  const files = await readdir(join(folder, runFiles.checkpoints)).catch(() => []);
  return files
    .map((file) => Number(/^epoch-(\d+)\.safetensors$/.exec(file)?.[1]))
    .filter((n) => n <= epoch)
    .sort((a, b) => a - b)
    .map((n) => `epoch-${n}`);
}

/** Unix seconds. */
function now(): number {
  return Date.now() / 1000;
}
