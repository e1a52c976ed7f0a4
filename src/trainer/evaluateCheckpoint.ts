import { open, readFile, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomic } from '../formats/atomicFile';
import { fingerprint } from '../formats/fingerprint';
import { encodeNpy } from '../formats/npy';
import { attackSchema, shortSteps, type AttackConfig } from '../protocol/attacks';
import type { RunConfig } from '../protocol/config';
import { evaluationFiles, type EvaluationRecord } from '../protocol/evaluation';
import { createAttack } from './attacks/registry';
import { assertWithinBounds, signsOfMasking, squareFindsMore } from './attacks/sanity';
import { createVictim, type Victim } from './attacks/victim';
import { stoppable, unlessStopped } from './breathe';
import { loadModel } from './checkpoint/checkpoint';
import type { DataSet } from './data/types';
import type { EventSink } from './eventStream';
import { methodOutputs } from './methods/registry';
import { normalizationOf, withNormalization } from './models/model';
import { createModel } from './models/registry';
import { Problem } from './problem';
import { NumpyRandom } from './random';
import {
  attackSamples,
  doneShare,
  isRobust,
  measuredWith,
  naturalSamples,
  robustMetric,
  testSubject,
  type Sample,
  type StoppedUnit,
  type Subject,
  type Unit,
} from './robustness';
import type { Runtime } from './runtimes';
import { countSamples, readSamples, readStopped, writeSamples, writeStopped } from './samples';

export interface CheckpointEvaluation {
  /** The evaluation's folder. */
  folder: string;
  record: EvaluationRecord;
  /** Absolute. */
  checkpoint: string;
  /** Of the run that wrote the checkpoint. */
  config: Pick<RunConfig, 'data' | 'model' | 'method'>;
  dataSet: DataSet;
  runtime: Runtime;
  events: EventSink;
  stopRequested: () => boolean;
}

/** Progress is told in these: how many batches there will be depends on what the attacks leave. */
const progressSteps = 1000;

const stepAt = (done: number) => Math.round(done * progressSteps);

/** Images on which signs of gradient masking are looked for. */
const sanityImages = 64;

/**
 * Counts how many test images a checkpoint classifies right, without and with an attack, batch by batch; tells of it in
 * events, and keeps a row for each image. What an earlier, interrupted call has done is kept and not done again: the
 * result is the same.
 * @throws Problem when checkpoint, data and attack do not fit
 */
export async function evaluateCheckpoint(evaluation: CheckpointEvaluation): Promise<'completed' | 'stopped'> {
  const { folder, dataSet, events, runtime } = evaluation;
  const attack = attackOf(evaluation.record);
  const parts = attack ? createAttack(attack, dataSet.classNames.length) : [];
  const subject = testSubject(dataSet, evaluation.record.limit ?? undefined);
  const content = await readFile(evaluation.checkpoint);
  const asked = evaluation.record.fingerprint;
  if (asked !== null && asked !== fingerprint(content)) {
    throw new Problem(
      `${evaluation.checkpoint} was replaced since this evaluation was asked for. Evaluate the checkpoint anew.`,
    );
  }
  const victim = openVictim(evaluation, content);
  const file = join(folder, evaluationFiles.samples);
  const known = await readSamples(file, subject.labels.length);
  if (known && asked === null) {
    throw new Problem(
      `${folder} was begun by an older version, which did not note which file it is of. Evaluate the checkpoint anew.`,
    );
  }

  const record: EvaluationRecord = {
    ...evaluation.record,
    fingerprint: asked ?? fingerprint(content),
    // A limit that the set does not reach is none.
    limit: subject.labels.length < dataSet.test.labels.length ? subject.labels.length : null,
    attack: attack ?? evaluation.record.attack,
    started: evaluation.record.started ?? now(),
    counts: null,
    ended: null,
  };
  await writeRecord(folder, record);
  const kept = join(folder, evaluationFiles.stopped);
  const begun = known ? await readStopped(kept) : undefined;
  const teller = new Teller(events, record.epoch, attack, subject.labels.length);
  teller.start(runtime, known && doneShare(known, parts, begun?.passes));
  const short = shortSteps(record.attack);
  if (short !== undefined) events.emit({ event: 'log', level: 'warn', message: short });
  const present: { unit?: StoppedUnit | undefined } = {};
  const samples = await unlessStopped(async () => {
    const samples = known ?? (await naturalSamples(victim, subject));
    // Before the rows are there, from which a call that goes on sees that this was done.
    if (!known && attack) await warnOfMasking(victim, subject, events);
    await writeSamples(file, samples);
    teller.accuracy = share(samples, ({ label, prediction }) => prediction === label);
    if (!attack) return samples;
    if (!known) teller.tell(0);
    const images = record.saveImages ? await openImages(folder, subject, dataSet.shape) : undefined;
    try {
      await attackSamples(victim, parts, attack.seed, subject, samples, {
        begun,
        keep: (unit) => (present.unit = unit),
        passed: (done) => {
          teller.advance(done);
        },
        unit: async (unit) => {
          assertWithinBounds(victim, attack, unit.natural, unit.perturbed);
          await images?.write(unit.rows, unit.perturbed);
          await writeSamples(file, samples);
          teller.estimate(unit);
        },
      });
    } finally {
      await images?.close();
    }
    return samples;
  });
  if (!samples) {
    if (present.unit) await writeStopped(kept, present.unit);
    return 'stopped';
  }
  await rm(kept, { force: true });
  teller.end(share(samples, isRobust));
  const fooledBy = samples.map((sample) => sample.fooledBy);
  const ran = parts.map(({ name }) => name);
  const warning = squareFindsMore(fooledBy, ran);
  if (warning !== undefined) events.emit({ event: 'log', level: 'warn', message: warning });
  await writeRecord(folder, { ...record, counts: countSamples(samples), ended: now() });
  return 'completed';
}

/** Tells how far an evaluation is, and what it has found so far. */
class Teller {
  /** Of the natural images. */
  accuracy = NaN;
  private robust: { share: number; seen: number } | undefined;
  private step = -1;

  constructor(
    private readonly events: EventSink,
    private readonly epoch: number,
    private readonly attack: AttackConfig | undefined,
    private readonly images: number,
  ) {}

  /** @param from how far an earlier call came, in [0, 1] */
  start({ name, device }: Pick<Runtime, 'name' | 'device'>, from: number | undefined): void {
    const fromStep = from === undefined ? {} : { fromStep: stepAt(from) };
    this.events.emit({ event: 'start', time: now(), runtime: name, device, steps: progressSteps, ...fromStep });
    this.step = fromStep.fromStep ?? -1;
  }

  /** Within a batch: only when it shows. */
  advance(done: number): void {
    if (stepAt(done) > this.step && stepAt(done) < progressSteps) this.tell(done);
  }

  estimate({ done, robustShare: share, seen }: Unit): void {
    this.robust = { share, seen };
    // The end is told when everything is known.
    if (done < 1) this.tell(done);
  }

  end(robust: number): void {
    this.robust = { share: robust, seen: this.images };
    this.tell(1);
  }

  tell(done: number): void {
    const { attack, robust } = this;
    this.step = stepAt(done);
    const metric = attack && robustMetric(attack);
    this.events.emit({
      event: 'metrics',
      step: this.step,
      epoch: this.epoch,
      time: now(),
      values: { 'test/accuracy': this.accuracy, ...(metric && robust ? { [metric]: robust.share } : {}) },
      ...(metric ? { about: { [metric]: { ...measuredWith(attack, this.images), seen: robust?.seen ?? 0 } } } : {}),
    });
  }
}

async function warnOfMasking(victim: Victim, { labels, pixels }: Subject, events: EventSink): Promise<void> {
  const rows = Array.from(labels.keys()).slice(0, sanityImages);
  const few = { images: pixels(rows), labels: labels.slice(0, rows.length) };
  for (const message of await signsOfMasking(victim, few)) events.emit({ event: 'log', level: 'warn', message });
}

function share(samples: readonly Sample[], is: (sample: Sample) => boolean): number {
  return samples.filter(is).length / samples.length;
}

/** The record's attack; undefined for none. @throws Problem when this version does not know it */
function attackOf({ attack }: EvaluationRecord): AttackConfig | undefined {
  if (attack.name === 'none') return undefined;
  const result = attackSchema.safeParse(attack);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Problem(`attack.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}`);
}

function openVictim(evaluation: CheckpointEvaluation, content: Uint8Array): Victim {
  const { checkpoint, config, dataSet, runtime, stopRequested } = evaluation;
  const { shape, classNames } = dataSet;
  const classes = classNames.length;
  const made = createModel(config.model, {
    input: shape,
    outputs: methodOutputs(config.method.name, classes),
    random: new NumpyRandom(0),
  });
  loadModel(content, checkpoint, made);
  return createVictim(
    withNormalization(made, normalizationOf(config.data, dataSet)),
    { shape, classes },
    runtime.compile,
    stoppable(stopRequested),
  );
}

/** The file of perturbed images, natural ones at first. */
async function openImages(folder: string, { labels, pixels }: Subject, shape: readonly number[]) {
  const file = join(folder, evaluationFiles.images);
  const data = pixels(Array.from(labels.keys()));
  const bytes = Buffer.from(encodeNpy({ shape: [labels.length, ...shape], data }));
  if (!existsSync(file)) await writeAtomic(file, bytes);
  const header = bytes.length - data.byteLength;
  const size = data.byteLength / labels.length;
  const handle = await open(file, 'r+');
  return {
    async write(rows: readonly number[], images: Float32Array) {
      const all = new Uint8Array(images.buffer, images.byteOffset, images.byteLength);
      for (const [i, row] of rows.entries()) {
        await handle.write(all.subarray(i * size, (i + 1) * size), 0, size, header + row * size);
      }
    },
    close: () => handle.close(),
  };
}

async function writeRecord(folder: string, record: EvaluationRecord): Promise<void> {
  await writeAtomic(join(folder, evaluationFiles.record), Buffer.from(JSON.stringify(record, null, 2) + '\n'));
}

/** Unix seconds. */
function now(): number {
  return Date.now() / 1000;
}
