import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomic } from '../formats/atomicFile';
import { encodeNpy } from '../formats/npy';
import { shortSteps } from '../protocol/attacks';
import { documentVersion, type RunConfig } from '../protocol/config';
import { augmentationOf } from '../protocol/data';
import { evaluatedMetrics, reportedCoverages } from '../protocol/evaluatedMetrics';
import { lowerIsBetter } from '../protocol/metrics';
import { runFiles } from '../protocol/run';
import { createAttack } from './attacks/registry';
import { createVictim } from './attacks/victim';
import { breathe, stoppable, unlessStopped } from './breathe';
import type { SelectiveCurve, SelectiveFile } from '../protocol/selective';
import { methodForModel } from '../protocol/widthAdjustment';
import { loadCheckpoint, type Progress } from './checkpoint/checkpoint';
import { CheckpointKeeper } from './checkpoint/keeper';
import { drawTransforms } from './data/augment';
import { batchRandom, epochOrder, randomStreams } from './data/batches';
import { imageSource, type CreateImageSource, type ImageFormat, type ImageSource } from './data/imageSource';
import { describeNoise, saveNoise } from './data/noise';
import { prepareTrainingData, type Part, type TrainingData } from './data/prepare';
import type { DataSet } from './data/types';
import { dataFingerprint, trainingFingerprint } from './dataFingerprint';
import { countCorrect, countNotFinite, createPredict, meanCrossEntropy } from './evaluate';
import type { EventSink } from './eventStream';
import { createMethod, methodOutputs } from './methods/registry';
import { normalizationOf, withNormalization, type Model } from './models/model';
import { createModel } from './models/registry';
import { oneHot } from './ops/crossEntropy';
import { createOptimizer } from './optimizers/registry';
import { learningRateAt } from './optimizers/schedule';
import { Problem } from './problem';
import { robustAccuracies } from './robustness';
import type { Circumstances, Runtime } from './runtimes';
import { fixedRandom } from './runtimes/program';
import { scoresOf, selectiveAnswers, selectiveCurve } from './selective';
import { describeSoftTargets } from './softTargets';
import { createTrainStep, type StepInputs } from './step';
import * as tf from './tf';

export interface TrainingRun {
  folder: string;
  config: RunConfig;
  dataSet: DataSet;
  runtime: Runtime & Partial<Circumstances>;
  events: EventSink;
  /** Newest metrics of the device, where it has some. */
  deviceMetrics?: () => Record<string, number>;
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
  // What does not fit is said now, not after the first epoch.
  for (const attack of config.evaluate.attacks) createAttack(attack, dataSet.classNames.length);
  const data = prepareTrainingData(dataSet, config.data, config.seed);
  const fingerprint = dataFingerprint(dataSet);
  const trainedOn = trainingFingerprint(fingerprint, data.given);
  const session = createSession(run, data, trainedOn);
  const { trained, keeper, stepsPerEpoch } = session;
  const steps = stepsPerEpoch * config.epochs;
  const progress: Progress = run.resumeFrom
    ? await loadCheckpoint(run.resumeFrom, trained, trainedOn)
    : { step: 0, epoch: 0, running: { loss: 0, correct: 0, samples: 0 }, best: null, bestValidation: null };
  if (run.resumeFrom) keeper.resume(await epochCheckpoints(run.folder, progress.epoch));
  // A checkpoint of other data has been refused by now, and with it another noise.
  if (data.noise) await saveNoise(run.folder, data.noise, dataSet.shape);

  events.emit({
    event: 'start',
    time: now(),
    runtime: run.runtime.name,
    device: run.runtime.device,
    steps,
    epochs: config.epochs,
    versions: run.runtime.versions,
    threads: run.runtime.threads,
    data: fingerprint,
    ...(run.resumeFrom ? { fromStep: progress.step } : {}),
  });
  if (data.noise) {
    const message = describeNoise(data.noise.record, dataSet.train.labels.length);
    events.emit({ event: 'log', level: 'info', message });
  }
  for (const attack of config.evaluate.attacks) {
    const short = shortSteps(attack);
    if (short !== undefined) events.emit({ event: 'log', level: 'warn', message: `${attack.name}: ${short}` });
  }
  const used = methodForModel(config.method, config.model);
  if ('alpha' in used && 'startEpoch' in used && used !== config.method) {
    const message = `Adapted to the width of the network: α ${used.alpha.toFixed(3)}, E_s ${used.startEpoch}.`;
    events.emit({ event: 'log', level: 'info', message });
  }
  const begins = 'startEpoch' in used ? used.startEpoch : 'pretrainEpochs' in used ? used.pretrainEpochs : 0;
  if (begins >= config.epochs) {
    const message = `${config.method.name} begins after ${begins} epochs, and this run has ${config.epochs}: it is plain training to its end. Set method.${'startEpoch' in used ? 'startEpoch' : 'pretrainEpochs'} lower, or epochs higher.`;
    events.emit({ event: 'log', level: 'warn', message });
  }
  const classes = dataSet.classNames.length;
  if (used.name === 'deep_gamblers' && used.reward >= classes) {
    const message = `method.reward: with a pay-off of ${used.reward} and ${classes} classes, abstaining pays no more than a guess, so it may never be learned.`;
    events.emit({ event: 'log', level: 'warn', message });
  }

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

function createSession(
  { folder, config, dataSet, runtime, events, stopRequested }: TrainingRun,
  data: TrainingData,
  trainedOn: string,
) {
  const classes = dataSet.classNames.length;
  const normalization = normalizationOf(config.data, dataSet);
  const network = (number: number) =>
    withNormalization(
      createModel(config.model, {
        input: dataSet.shape,
        outputs: methodOutputs(config.method.name, classes),
        random: batchRandom(config.seed, randomStreams.weights, 0, number),
      }),
      normalization,
    );
  if (data.train.length % config.batchSize === 1) tryOneImage(network(0), dataSet.shape);
  const model = network(0);
  const targets = oneHot(data.given, classes);
  const method = createMethod(methodForModel(config.method, config.model), {
    targets,
    createNetwork: () => network(1),
  });
  const optimizer = createOptimizer(config.optimizer, [...model.weights, ...(method.weights ?? [])]);
  const keeper = new CheckpointKeeper(
    folder,
    config.checkpoint.keep,
    { config, normalization, seed: config.seed, data: trainedOn },
    events,
  );
  const trained = { model, optimizer, method };
  const victim = createVictim(model, { shape: dataSet.shape, classes }, runtime.compile, stoppable(stopRequested));
  const stepsPerEpoch = Math.ceil(data.train.length / config.batchSize);
  const images = {
    train: partImages(data.train, dataSet, runtime.images),
    ...(data.validation.length > 0 ? { validation: partImages(data.validation, dataSet, runtime.images) } : {}),
    test: imageSource(dataSet.test.images, dataSet, runtime.images),
  };
  const trainStep = createTrainStep(trained, runtime.compile, images.train.given.images);
  const predict = createPredict(model, dataSet.shape, runtime.compile, breathe);
  return { data, images, method, targets, trained, keeper, trainStep, predict, victim, stepsPerEpoch };
}

/**
 * Finds out before the first epoch, not in its last step, whether a model can train on a batch of one image.
 * @param model is used up: its running statistics would have moved
 * @throws Problem when it cannot
 */
function tryOneImage(model: Model, shape: DataSet['shape']): void {
  try {
    tf.tidy(() => void model.forward(tf.zeros([1, ...shape]), 'train', fixedRandom(0)));
  } finally {
    tf.dispose(model.weights.map(({ variable }) => variable));
  }
}

interface PartImages {
  given: ImageSource;
  /** The true images, where noise replaced some. */
  replaced?: ImageSource;
}

function partImages({ images, cleanImages }: Part, format: ImageFormat, create: CreateImageSource): PartImages {
  return {
    given: imageSource(images, format, create),
    ...(cleanImages ? { replaced: imageSource(cleanImages, format, create) } : {}),
  };
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
          ...run.deviceMetrics?.(),
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

function stepInputs({ config }: TrainingRun, session: Session, rows: Int32Array, progress: Progress): StepInputs {
  const { epoch, step } = progress;
  const augmentation = augmentationOf(config.data);
  const transforms =
    augmentation &&
    drawTransforms(rows.length, batchRandom(config.seed, randomStreams.augmentation, epoch, step), augmentation);
  const indices = tf.tensor1d(rows, 'int32');
  return {
    ...session.images.train.given.inputs(rows, transforms),
    targets: tf.gather(session.targets, indices),
    indices,
  };
}

/** @returns false, and nothing told, when a stop was asked for meanwhile */
async function evaluateEpoch(run: TrainingRun, session: Session, progress: Progress): Promise<boolean> {
  const { config, dataSet, events } = run;
  const { data, images, method, trained, keeper, predict } = session;
  const classes = dataSet.classNames.length;
  const share = (logits: Float32Array, labels: Int32Array) => countCorrect(logits, labels, classes) / labels.length;

  const test = await predict(images.test, dataSet.test.labels.length);
  const broken = countNotFinite(test, dataSet.test.labels.length);
  if (broken > 0) {
    throw new Problem(
      `The network’s outputs are not finite for ${broken} of ${dataSet.test.labels.length} test images after epoch ` +
        `${progress.epoch}. Lower the learning rate, or look at the data.`,
    );
  }
  const training = await predict(images.train.given, data.train.length);
  // True labels of noisy images say nothing: noise on images is judged by the images that it replaced.
  const clean = (part: Part, { replaced }: PartImages, logits: Float32Array) =>
    replaced ? predict(replaced, part.length) : logits;
  const values: Record<string, number> = {
    'test/loss': meanCrossEntropy(test, dataSet.test.labels, classes),
    'test/accuracy': share(test, dataSet.test.labels),
    'train_eval/accuracy': share(training, data.train.given),
    'train_eval/clean_accuracy': share(await clean(data.train, images.train, training), data.train.labels),
  };
  if (images.validation) {
    const validation = await predict(images.validation.given, data.validation.length);
    values['val/accuracy'] = share(validation, data.validation.given);
    values['test/accuracy_at_best_val'] = atBestValidation(
      progress,
      values['val/accuracy'],
      share(test, dataSet.test.labels),
    );
    values['val/clean_accuracy'] = share(
      await clean(data.validation, images.validation, validation),
      data.validation.labels,
    );
  }
  const outputs = methodOutputs(config.method.name, classes);
  if (config.evaluate.selective || outputs > classes) {
    const { method: options } = config;
    // Until then nothing has taught the output for abstention, and the network's own score is its softmax response.
    const pretrains = 'pretrainEpochs' in options && progress.epoch <= options.pretrainEpochs;
    const curves = scoresOf(pretrains ? classes : outputs, classes).map((score) =>
      selectiveCurve(score, selectiveAnswers(test, dataSet.test.labels, classes, score)),
    );
    Object.assign(values, selectiveMetrics(curves));
    await saveSelective(run.folder, { epoch: progress.epoch, samples: dataSet.test.labels.length, curves });
  }
  if (method.softTargets) {
    const rows = method.softTargets.dataSync<'float32'>().subarray(0, data.train.length * classes);
    const described = describeSoftTargets(rows, data.train.labels);
    if (described) {
      values['sat/label_recovery'] = described.recovery;
      values['sat/target_entropy'] = described.entropy;
    }
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

/**
 * What early stopping would give: the test accuracy of the epoch whose accuracy on the validation samples, by their given
 * and hence noisy labels, is the best so far; of equal ones the first.
 */
function atBestValidation(progress: Progress, validation: number, test: number): number {
  const best = progress.bestValidation;
  progress.bestValidation = best && best.validation >= validation ? best : { validation, test };
  return progress.bestValidation.test;
}

/** Selective risk at some coverages, and the area under its curve, by the network's own score. */
function selectiveMetrics([own]: readonly SelectiveCurve[]): Record<string, number> {
  if (!own) return {};
  const values: Record<string, number> = { 'selective/aurc': own.aurc };
  for (const { coverage, accepted, errors } of own.table) {
    if (reportedCoverages.includes(coverage)) values[`selective/risk@${coverage}`] = errors / accepted;
  }
  return values;
}

async function saveSelective(folder: string, evaluation: Omit<SelectiveFile, 'version'>): Promise<void> {
  const file: SelectiveFile = { version: documentVersion, ...evaluation };
  await writeAtomic(join(folder, runFiles.selective), JSON.stringify(file) + '\n');
}

async function keepBest(
  config: RunConfig,
  values: Record<string, number>,
  progress: Progress,
  save: () => Promise<void>,
): Promise<void> {
  const { checkpoint } = config;
  if (checkpoint.best === 'none') return;
  const value = values[checkpoint.best];
  if (value === undefined) {
    // A method that has not begun yet has nothing to tell.
    if (evaluatedMetrics(config).includes(checkpoint.best)) return;
    throw new Problem(
      `checkpoint.best: there is no metric ${checkpoint.best}. Choose one of ${Object.keys(values).join(', ')}, or none.`,
    );
  }
  const better =
    progress.best === null || (lowerIsBetter(checkpoint.best) ? value < progress.best : value > progress.best);
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
