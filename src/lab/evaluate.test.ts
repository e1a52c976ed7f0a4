import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readText, until } from '../../test/faults/programs';
import { formatEvent, type RunEvent } from '../protocol/events';
import { encodeSafetensors, type Tensor } from '../formats/safetensors';
import { attackSchema } from '../protocol/attacks';
import type { EvaluationRecord } from '../protocol/evaluation';
import {
  checkpointsOf,
  evaluationsBeside,
  holdEvaluations,
  ofPresentFiles,
  prepareEvaluation,
  shareInterval,
  startEvaluation,
  type Evaluation,
  type EvaluationRequest,
} from './evaluate';
import type { Tools } from './launch';
import { identify } from './processes';
import { Run } from './run';
import { RuntimeGoneError } from './runtimePin';
import { restoreRun, trashRun } from './trash';

let place: string;
let run: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'sat-evaluations-'));
  run = join(place, 'one');
  mkdirSync(join(run, 'checkpoints'), { recursive: true });
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(place, { recursive: true, force: true });
});

/** @param weight what tells it from others of its step */
function checkpoint(name: string, step = 120, weight = 0): string {
  const file = join(run, 'checkpoints', `${name}.safetensors`);
  const config = JSON.stringify({ data: { name: 'digits' } });
  const weights: Tensor = { dtype: 'F32', shape: [1], data: Float32Array.of(weight) };
  writeFileSync(file, encodeSafetensors(new Map([['w', weights]]), { step: String(step), epoch: '10', config }));
  return file;
}

/** Changes what an evaluation's record says. */
async function recorded(evaluation: Evaluation, changes: Partial<EvaluationRecord>): Promise<Evaluation> {
  writeFileSync(join(evaluation.folder, 'evaluation.json'), JSON.stringify({ ...evaluation.record, ...changes }));
  await evaluation.refresh();
  return evaluation;
}

/** A trainer that notes its pid in the evaluation's folder, and does nothing else. @param milliseconds how long it lives */
function idleTrainer(milliseconds: number): Tools {
  const note = "require('node:fs').appendFileSync(process.argv[3] + '/trainers', process.pid + '\\n');";
  writeFileSync(join(place, 'trainer.js'), `${note} setTimeout(() => {}, ${milliseconds});`);
  return { node: process.execPath, dist: place, version: 'test' };
}

/** What an installed TensorFlow leaves in the folder of all of them. */
function pretendTensorFlow(folder: string): void {
  const smoke = { device: 'GPU:0' };
  const about = {
    tensorflow: '2.18.0',
    binding: '4.22.0',
    source: { kind: 'package' },
    cuda: true,
    sizeBytes: 1,
    smoke,
  };
  const record = { version: 1, ...about, platform: 'linux', arch: 'x64', created: '2026-01-01T00:00:00Z' };
  mkdirSync(join(folder, 'one'), { recursive: true });
  writeFileSync(join(folder, 'one', 'runtime.json'), JSON.stringify(record));
  writeFileSync(join(folder, 'current.json'), JSON.stringify({ id: 'one' }));
}

const counts = { total: 100, correct: 90, robust: 50 };

const pgd20 = (epsilon = 0.031) => attackSchema.parse({ name: 'pgd20', epsilon });

describe('an evaluation', () => {
  it('lies in its run’s folder, and is asked for once', async () => {
    const file = checkpoint('epoch-10');
    const made = await prepareEvaluation({ checkpoint: file, attack: pgd20(), limit: 100 });
    expect(made.folder).toContain(join(run, 'evaluations'));
    expect(made.record).toMatchObject({
      version: 1,
      checkpoint: 'checkpoints/epoch-10.safetensors',
      step: 120,
      epoch: 10,
      data: { name: 'digits' },
      limit: 100,
      attack: { name: 'pgd20', epsilon: 0.031, steps: 20 },
    });
    expect(made.status).toBe('queued');
    expect(made.checkpoint).toBe(file);
    expect((await prepareEvaluation({ checkpoint: file, attack: pgd20(), limit: 100 })).id).toBe(made.id);
    const others = [
      await prepareEvaluation({ checkpoint: file, attack: pgd20(), limit: 99 }),
      await prepareEvaluation({ checkpoint: file, attack: pgd20(0.05), limit: 100 }),
      await prepareEvaluation({ checkpoint: checkpoint('epoch-10', 121), attack: pgd20(), limit: 100 }),
    ];
    expect(new Set([made, ...others].map(({ id }) => id)).size).toBe(4);
    expect(await evaluationsBeside(file)).toHaveLength(4);
  });

  it('is of the file that keeps its name where `latest` is another name for it', async () => {
    const asked = async (name: string) => {
      const { record } = await prepareEvaluation({ checkpoint: checkpoint(name, 120, 1), attack: pgd20() });
      return record?.checkpoint;
    };
    expect(await asked('latest')).toBe('checkpoints/latest.safetensors');
    checkpoint('epoch-10', 120, 2);
    expect(await asked('latest')).toBe('checkpoints/latest.safetensors');
    checkpoint('step-120', 120, 1);
    expect(await asked('latest')).toBe('checkpoints/step-120.safetensors');
    checkpoint('epoch-10', 120, 1);
    expect(await asked('latest')).toBe('checkpoints/epoch-10.safetensors');
    expect(await asked('best')).toBe('checkpoints/best.safetensors');
  });

  it('of all images answers a limit that the set does not reach', async () => {
    const file = checkpoint('epoch-10');
    const ask = async (limit?: number) => (await prepareEvaluation({ checkpoint: file, attack: pgd20(), limit })).id;
    const whole = await prepareEvaluation({ checkpoint: file, attack: pgd20() });
    expect(await ask(1000)).not.toBe(whole.id);
    // Begun: it tells how many images there are.
    const about = { a: { images: 360, epsilon: 0.031, norm: 'linf' } };
    const told = { event: 'metrics', step: 0, values: {}, about } as const;
    writeFileSync(join(whole.folder, 'events.ndjson'), formatEvent(told));
    for (const evaluation of await evaluationsBeside(file)) {
      if (evaluation.id !== whole.id) rmSync(evaluation.folder, { recursive: true });
    }
    expect([await ask(), await ask(360), await ask(1000)]).toEqual([whole.id, whole.id, whole.id]);
    expect(await ask(359)).not.toBe(whole.id);
    // As an older version recorded a limit beyond the set.
    await recorded(whole, { limit: 500, counts: { total: 360, correct: 300, robust: 200 } });
    expect([await ask(), await ask(360), await ask(1000)]).toEqual([whole.id, whole.id, whole.id]);
  });

  it('is not of a file that has replaced the one it was made for', async () => {
    const ask = (weight: number) => prepareEvaluation({ checkpoint: checkpoint('best', 120, weight), attack: pgd20() });
    const first = await recorded(await ask(1), { counts });
    expect((await ask(1)).id).toBe(first.id);
    const second = await ask(2);
    expect(second.id).not.toBe(first.id);
    expect(ofPresentFiles([first, second])).toEqual([second]);
    const of = new Run(run);
    await of.refresh();
    expect(of.evaluationsOf({ path: second.checkpoint, step: 120 }).map(({ id }) => id)).toEqual([second.id]);
    expect([...of.drawnSeries.keys()]).toEqual([]);
    await recorded(second, { counts: { ...counts, robust: 20 } });
    await of.refresh();
    expect([...of.drawnSeries.values()].map(({ values }) => [...values])).toEqual([[0.2]]);
  });

  it('of an older version, which did not look at the file’s content, is known when it is complete', async () => {
    const ask = () => prepareEvaluation({ checkpoint: checkpoint('best'), attack: pgd20() });
    const older = await recorded(await ask(), { fingerprint: null, counts });
    expect((await ask()).id).toBe(older.id);
    await recorded(older, { fingerprint: null, counts: null });
    expect((await ask()).id).not.toBe(older.id);
  });

  it('that has not come to its images is computed by what is asked for last', async () => {
    const file = checkpoint('best');
    const ask = (more: Partial<EvaluationRequest>) => prepareEvaluation({ checkpoint: file, attack: pgd20(), ...more });
    const failed = await ask({ device: 'gpu' });
    const end = { event: 'end', status: 'failed', message: 'no GPU' } as const;
    writeFileSync(join(failed.folder, 'events.ndjson'), formatEvent(end));
    const again = await ask({ runtime: 'wasm' });
    expect(again.id).toBe(failed.id);
    expect(again.record).toMatchObject({ runtime: 'wasm', device: 'auto' });
    expect((await ask({})).record).toMatchObject({ runtime: 'auto', device: 'auto' });
  });

  it('that has begun is not gone on with by another runtime or device', async () => {
    const file = checkpoint('best');
    const ask = (more: Partial<EvaluationRequest>) => prepareEvaluation({ checkpoint: file, attack: pgd20(), ...more });
    const begun = await ask({});
    const start = { event: 'start', time: 1, runtime: 'wasm', device: 'cpu', steps: 1000 } as const;
    writeFileSync(join(begun.folder, 'events.ndjson'), formatEvent(start));
    writeFileSync(join(begun.folder, 'samples.csv'), '');
    expect((await ask({})).id).toBe(begun.id);
    const same = await ask({ runtime: 'wasm', device: 'cpu' });
    expect(same.id).toBe(begun.id);
    const other = await ask({ runtime: 'tensorflow' });
    expect(other.id).not.toBe(begun.id);
    expect(other.record).toMatchObject({ runtime: 'tensorflow' });
    expect((await ask({ runtime: 'tensorflow' })).id).toBe(other.id);
    writeFileSync(
      join(other.folder, 'events.ndjson'),
      formatEvent({ ...start, runtime: 'tensorflow', device: 'GPU:0' }),
    );
    writeFileSync(join(other.folder, 'samples.csv'), '');
    expect((await ask({ runtime: 'wasm' })).id).toBe(begun.id);
    expect((await ask({ device: 'gpu' })).id).toBe(other.id);
    // Complete: it is the answer, whatever computed it.
    await recorded(begun, { counts });
    expect((await ask({ runtime: 'tensorflow' })).id).toBe(begun.id);
  });

  it('that has begun goes on with what began it, or not at all', { timeout: 30_000 }, async () => {
    const runtimes = join(place, 'runtimes');
    vi.stubEnv('SAT_RUNTIMES', runtimes);
    const tools = idleTrainer(0);
    /** @returns what is to compute it, once it was started and is gone */
    const goOn = async (evaluation: Evaluation, { begun = true, ...start }) => {
      appendFileSync(join(evaluation.folder, 'events.ndjson'), formatEvent({ event: 'start', ...start }));
      if (begun) writeFileSync(join(evaluation.folder, 'samples.csv'), '');
      await startEvaluation(evaluation, tools);
      await until('its end', async () => {
        await evaluation.refresh();
        return evaluation.status === 'lost';
      });
      return evaluation.record;
    };
    const ask = (epsilon: number) => prepareEvaluation({ checkpoint: checkpoint('best'), attack: pgd20(epsilon) });
    const one = await ask(0.1);
    const embedded = { runtime: 'wasm', device: 'cpu' };
    // It has computed nothing yet, or by what this version does not know.
    for (const start of [
      { ...embedded, begun: false },
      { runtime: 'abacus', device: 'cpu' },
    ]) {
      expect(await goOn(one, start)).toMatchObject({ runtime: 'auto', device: 'auto' });
    }
    expect(await goOn(one, embedded)).toMatchObject(embedded);
    const other = await ask(0.2);
    const start = { runtime: 'tensorflow', device: 'GPU:0' };
    const error: unknown = await goOn(other, start).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(RuntimeGoneError);
    expect(String(error)).toMatch(`${other.id} was begun by TensorFlow, which is not installed here.`);
    expect(existsSync(join(other.folder, 'process.json'))).toBe(false);
    pretendTensorFlow(join(runtimes, 'tensorflow'));
    expect(await goOn(other, start)).toMatchObject({ runtime: 'tensorflow', device: 'gpu' });
  });

  it('is one, and has one trainer, also when several ask for it at once', { timeout: 30_000 }, async () => {
    const file = checkpoint('best');
    const tools = idleTrainer(2000);
    const asked = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const evaluation = await prepareEvaluation({ checkpoint: file, attack: pgd20() });
        return { evaluation, started: await startEvaluation(evaluation, tools) };
      }),
    );
    const folders = new Set(asked.map(({ evaluation }) => evaluation.folder));
    const [folder = '', ...more] = folders;
    expect(more).toEqual([]);
    await until('the end of its trainer', async () => (await evaluationsBeside(file))[0]?.status === 'lost');
    expect(readText(join(folder, 'trainers'))).toMatch(/^\d+\n$/);
    expect(readdirSync(join(run, 'evaluations'))).toEqual([basename(folder)]);
    // The others know that it runs.
    const others = asked.filter(({ started }) => !started).map(({ evaluation }) => evaluation.status);
    expect(others).toEqual(['running', 'running', 'running']);
  });

  it('tells how long it takes, without the time for which it was stopped', async () => {
    const evaluation = await prepareEvaluation({ checkpoint: checkpoint('best'), attack: pgd20() });
    const tell = async (...events: RunEvent[]) => {
      appendFileSync(join(evaluation.folder, 'events.ndjson'), events.map(formatEvent).join(''));
      await evaluation.refresh();
      return evaluation.duration;
    };
    const start = { event: 'start', steps: 1000 } as const;
    const metrics = { event: 'metrics', values: {} } as const;
    expect(await tell({ ...start, time: 1000 })).toBeUndefined();
    expect(await tell({ ...metrics, step: 250, time: 1100 })).toBe(400);
    const night = 14 * 3600;
    await tell({ event: 'end', status: 'stopped', time: 1110 }, { ...start, fromStep: 250, time: night });
    const ended = night + 300;
    await recorded(evaluation, { started: 1000, ended, counts });
    expect(
      await tell({ ...metrics, step: 1000, time: ended }, { event: 'end', status: 'completed', time: ended }),
    ).toBe(400);
  });

  it('keeps its run from being deleted while it runs', async () => {
    const begun = await prepareEvaluation({ checkpoint: checkpoint('best'), attack: pgd20() });
    const computing = JSON.stringify({ ...identify(process.pid), byte: 0 });
    writeFileSync(join(begun.folder, 'process.json'), computing);
    const words = `one is being evaluated (${begun.id}). Stop that before you delete it.`;
    await expect(trashRun(new Run(run))).rejects.toThrow(words);
    // Also when its start is only under way.
    rmSync(join(begun.folder, 'process.json'));
    const release = await holdEvaluations(run);
    const deleted = expect(trashRun(new Run(run))).rejects.toThrow(words);
    await until('the lock of the run', () => existsSync(join(run, '.resuming')));
    writeFileSync(join(begun.folder, 'process.json'), computing);
    await release(run);
    await deleted;
    expect(existsSync(run)).toBe(true);
    const end = { event: 'end', status: 'stopped' } as const;
    writeFileSync(join(begun.folder, 'events.ndjson'), formatEvent(end));
    await trashRun(new Run(run));
    expect(existsSync(run)).toBe(false);
    // What kept others away has not moved with it.
    await restoreRun(place, 'one');
    await prepareEvaluation({ checkpoint: begun.checkpoint, attack: pgd20(0.1) });
    expect(await evaluationsBeside(begun.checkpoint)).toHaveLength(2);
  });

  it('of a file that is no checkpoint is refused in words', async () => {
    const file = join(run, 'checkpoints', 'other.safetensors');
    writeFileSync(file, encodeSafetensors(new Map(), {}));
    await expect(prepareEvaluation({ checkpoint: file, attack: pgd20() })).rejects.toThrow(
      'is not a checkpoint of SAT Lab (its header has no configuration)',
    );
  });
});

describe('checkpoints of a run', () => {
  it('are meant by name or by epochs', async () => {
    for (const name of ['epoch-2', 'epoch-10', 'epoch-9', 'best', 'latest']) checkpoint(name);
    const named = async (which: string) =>
      (await checkpointsOf(run, which)).files.map((file) => file.slice(join(run, 'checkpoints', '/').length, -12));
    expect(await named('latest')).toEqual(['latest']);
    expect(await named('2-9')).toEqual(['epoch-2', 'epoch-9']);
    expect(await named('1-100')).toEqual(['epoch-2', 'epoch-9', 'epoch-10']);
    expect(await named('best, 10,10')).toEqual(['best', 'epoch-10']);
    expect((await checkpointsOf(run, '1-100, 9-10, best')).notes).toEqual(['1-100: 3 of 100 epochs are kept.']);
    await expect(named('best, 3-1')).rejects.toThrow('The range 3-1 is reversed. Say 1-3.');
    await expect(named('latest, 71-100')).rejects.toThrow(/no checkpoint 71-100 /);
    await expect(named('71-100')).rejects.toThrow(/no checkpoint 71-100 .*There are best, epoch-10, epoch-2/);
  });
});

describe('the interval of a share', () => {
  it('is Wilson’s', () => {
    const round = (bounds: number[]) => bounds.map((bound) => Number(bound.toFixed(4)));
    // 0.5 ± and 0 of 10, as published tables have them.
    expect(round(shareInterval(50, 100))).toEqual([0.4038, 0.5962]);
    expect(round(shareInterval(0, 10))).toEqual([0, 0.2775]);
    expect(round(shareInterval(10, 10))).toEqual([0.7225, 1]);
    for (let n = 1; n <= 1000; n += 1) {
      expect(Math.min(...shareInterval(0, n), 0)).toBe(0);
      expect(Math.max(...shareInterval(n, n), 1)).toBe(1);
    }
  });
});
