import { open } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomic } from '../formats/atomicFile';
import { encodeNpy } from '../formats/npy';
import { attackSchema, type AttackConfig } from '../protocol/attacks';
import { evaluationFiles, type Counts, type EvaluationRecord } from '../protocol/evaluation';
import type { Attacked } from './attacks/attack';
import { assertWithinBounds, signsOfMasking, squareFindsMore } from './attacks/sanity';
import { createVictim, sizeOf, type Victim } from './attacks/victim';
import { stoppable, unlessStopped } from './breathe';
import { loadModel } from './checkpoint/checkpoint';
import type { DataSet } from './data/types';
import type { EventSink } from './eventStream';
import { withNormalization } from './models/model';
import { models } from './models/registry';
import type { ModelName } from '../protocol/models';
import { Problem } from './problem';
import { NumpyRandom } from './random';
import { attackRows, attackedTogether, pixelsOf, robustMetric } from './robustness';
import type { Runtime } from './runtimes';
import { appendSamples, countSamples, openSamples, type Sample } from './samples';

export interface CheckpointEvaluation {
  /** The evaluation's folder. */
  folder: string;
  record: EvaluationRecord;
  /** Absolute. */
  checkpoint: string;
  model: ModelName;
  dataSet: DataSet;
  runtime: Runtime;
  events: EventSink;
  stopRequested: () => boolean;
}

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
  const { test, shape } = dataSet;
  const total = Math.min(evaluation.record.limit ?? test.labels.length, test.labels.length);
  const victim = await openVictim(evaluation);
  const file = join(folder, evaluationFiles.samples);
  const samples = await openSamples(file, attackedTogether, total);
  const images = evaluation.record.saveImages ? await openImages(folder, [total, ...shape]) : undefined;

  const record = { ...evaluation.record, started: evaluation.record.started ?? now() };
  await writeRecord(folder, record);
  const batches = Math.ceil(total / attackedTogether);
  const batchesDone = () => Math.ceil(samples.length / attackedTogether);
  events.emit({
    event: 'start',
    time: now(),
    runtime: runtime.name,
    device: runtime.device,
    steps: batches,
    ...(samples.length > 0 ? { fromStep: batchesDone() } : {}),
  });
  const status = await unlessStopped(async () => {
    if (attack && samples.length === 0) {
      const few = {
        images: firstPixels(dataSet, sanityImages, total),
        labels: test.labels.slice(0, Math.min(sanityImages, total)),
      };
      for (const message of await signsOfMasking(victim, few)) events.emit({ event: 'log', level: 'warn', message });
    }
    while (samples.length < total) {
      const from = samples.length;
      const to = Math.min(from + attackedTogether, total);
      const result = await attackRows(victim, attack, test, dataSet.pixelScale, from, to);
      if (attack) {
        const natural = pixelsOf(test.images.subarray(from * sizeOf(shape), to * sizeOf(shape)), dataSet.pixelScale);
        assertWithinBounds(victim, attack, natural, result.attacked);
      }
      await images?.write(from, result.attacked.images);
      const rows = rowsOf(result, test.labels, from);
      await appendSamples(file, rows);
      samples.push(...rows);
      const counts = countSamples(samples);
      events.emit({
        event: 'metrics',
        step: batchesDone(),
        epoch: record.epoch,
        time: now(),
        values: valuesOf(counts, attack),
        counts,
      });
    }
    return 'completed' as const;
  }).finally(() => images?.close());

  const found = squareFindsMore(
    samples.map(({ fooledBy }) => fooledBy).filter((name) => name !== ''),
    samples.length,
  );
  if (status && found !== undefined) events.emit({ event: 'log', level: 'warn', message: found });
  await writeRecord(folder, { ...record, counts: countSamples(samples), ended: status ? now() : null });
  return status ?? 'stopped';
}

/** The record's attack; undefined for none. @throws Problem when this version does not know it */
function attackOf({ attack }: EvaluationRecord): AttackConfig | undefined {
  if (attack.name === 'none') return undefined;
  const result = attackSchema.safeParse(attack);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Problem(`attack.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}`);
}

async function openVictim(evaluation: CheckpointEvaluation): Promise<Victim> {
  const { checkpoint, model: name, dataSet, runtime, stopRequested } = evaluation;
  const { shape, classNames, normalization } = dataSet;
  const made = models[name]({ input: shape, outputs: classNames.length, random: new NumpyRandom(0) });
  await loadModel(checkpoint, made);
  return createVictim(
    withNormalization(made, normalization),
    { shape, classes: classNames.length },
    runtime.compile,
    stoppable(stopRequested),
  );
}

function firstPixels({ shape, test, pixelScale }: DataSet, n: number, total: number): Float32Array {
  return pixelsOf(test.images.subarray(0, Math.min(n, total) * sizeOf(shape)), pixelScale);
}

function rowsOf(
  { attacked, parts }: { attacked: Attacked; parts: readonly string[] },
  labels: Int32Array,
  from: number,
): Sample[] {
  return Array.from(attacked.predictions, (prediction, i) => ({
    index: from + i,
    label: labels[from + i] ?? NaN,
    prediction,
    perturbedPrediction: attacked.perturbedPredictions[i] ?? NaN,
    fooledBy: parts[attacked.fooledBy[i] ?? -1] ?? '',
  }));
}

function valuesOf({ total, correct, robust }: Counts, attack: AttackConfig | undefined): Record<string, number> {
  return {
    'test/accuracy': correct / total,
    ...(attack ? { [robustMetric(attack)]: robust / total } : {}),
  };
}

/** The file of perturbed images, all black at first. @param shape [n, h, w, c] */
async function openImages(folder: string, shape: number[]) {
  const file = join(folder, evaluationFiles.images);
  const numbers = shape.reduce((product, length) => product * length, 1);
  const bytes = Buffer.from(encodeNpy({ shape, data: new Float32Array(numbers) }));
  if (!existsSync(file)) await writeAtomic(file, bytes);
  const header = bytes.length - numbers * 4;
  const handle = await open(file, 'r+');
  return {
    /** @param from row of the first image */
    write: (from: number, images: Float32Array) =>
      handle.write(
        new Uint8Array(images.buffer, images.byteOffset, images.byteLength),
        0,
        images.byteLength,
        header + from * (numbers / (shape[0] ?? 1)) * 4,
      ),
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
