import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveConfig } from '../../src/lab/config';
import { holdRun, resumeRun, startRun, type Tools } from '../../src/lab/launch';
import { identify, isAlive } from '../../src/lab/processes';
import { Run } from '../../src/lab/run';
import { stopRun } from '../../src/lab/stop';
import { listRuns } from '../../src/lab/store';
import { restoreRun, trashRun } from '../../src/lab/trash';
import {
  buildPrograms,
  commandOf,
  endAll,
  grandchildOf,
  parentOf,
  readText,
  trainersOf,
  until,
  untilStatus,
} from './programs';

// Who is whose parent is read from /proc.
const linux = process.platform === 'linux';

let tools: Awaited<ReturnType<typeof buildPrograms>>;
let place: string;
let runsFolder: string;

beforeAll(async () => {
  tools = await buildPrograms();
}, 60_000);
afterAll(() => tools.remove());
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'sat-faults-'));
  runsFolder = join(place, 'sat-runs');
});
afterEach(async () => {
  delete process.env['FAKE_TRAINER'];
  vi.unstubAllEnvs();
  await endAll(runsFolder);
  await sleep(50);
  rmSync(place, { recursive: true, force: true, maxRetries: 20 });
});

function start(behaviour = '', programs: Tools = tools): Promise<Run> {
  process.env['FAKE_TRAINER'] = behaviour;
  return startRun({ runsFolder, config: resolveConfig({}) }, programs);
}

/** A slow run that has told of its first steps. */
async function running(behaviour = ''): Promise<Run> {
  const run = await start(`slow,${behaviour}`);
  await until('the first metrics', async () => {
    await run.refresh();
    return run.progress.step > 0;
  });
  expect(run.status).toBe('running');
  return run;
}

async function stopped(): Promise<Run> {
  const run = await running();
  await stopRun(run);
  await untilStatus(run, 'stopped');
  return run;
}

/** The same folder through other eyes. */
async function reread(run: Run): Promise<Run> {
  const other = new Run(run.folder);
  await other.refresh();
  return other;
}

const trainerOf = (run: Run) => run.record!.process!;

describe('a run that is left alone', { timeout: 30_000 }, () => {
  it('completes', async () => {
    const run = await start();
    await untilStatus(run, 'completed');
    expect([...run.series.get('train/loss')!.steps]).toEqual([1, 2, 3, 4]);
    await until('exit.json', () => existsSync(join(run.folder, 'exit.json')));
    expect(JSON.parse(readText(join(run.folder, 'exit.json')))).toMatchObject({ version: 1, code: 0, signal: null });
    expect((await reread(run)).status).toBe('completed');
  });

  it('keeps its process in its record', async () => {
    const run = await running();
    await run.refresh();
    expect(trainerOf(run)).toEqual(identify(trainerOf(run).pid));
    expect(commandOf(trainerOf(run).pid)).toContain('trainer.js train');
  });

  it('survives garbage on its standard output', async () => {
    const run = await start('garbage');
    await untilStatus(run, 'completed');
    expect(run.series.get('train/loss')?.length).toBe(4);
    expect(run.log).toContain('Step 1 of many');
    expect(run.log).toHaveLength(8);
  });

  it('that fails says how and why', async () => {
    const run = await start('fail');
    await untilStatus(run, 'failed');
    expect(run.statusNote).toContain('exit code 3');
    expect(run.statusNote).toContain('The sky is falling.');
    expect(readText(join(run.folder, 'trainer.log'))).toContain('The sky is falling.');
  });

  it('may share its runs folder with others that start at the same moment', async () => {
    const runs = await Promise.all(Array.from({ length: 5 }, () => start()));
    for (const run of runs) await untilStatus(run, 'completed');
    expect(new Set(runs.map(({ id }) => id)).size).toBe(5);
    expect(await listRuns(runsFolder)).toHaveLength(5);
  });
});

describe('a kill', { timeout: 30_000 }, () => {
  it('of the trainer makes the run failed, with the signal', async () => {
    const run = await running();
    process.kill(trainerOf(run).pid, 'SIGKILL');
    // Between the death and the supervisor's note of it, the run may pass for lost.
    await untilStatus(run, 'failed');
    expect(run.statusNote).toContain('SIGKILL');
    expect(JSON.parse(readText(join(run.folder, 'exit.json')))).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  it.runIf(linux)('of trainer and supervisor makes it lost', async () => {
    const run = await running();
    const { pid } = trainerOf(run);
    const supervisor = parentOf(pid);
    expect(commandOf(supervisor)).toContain('supervisor.js');
    process.kill(supervisor, 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    await untilStatus(run, 'lost');
    await sleep(300);
    expect((await reread(run)).status).toBe('lost');
    expect(existsSync(join(run.folder, 'exit.json'))).toBe(false);
  });

  it.runIf(linux)('of the supervisor alone leaves the run running, and it can be stopped', async () => {
    const run = await running();
    process.kill(parentOf(trainerOf(run).pid), 'SIGKILL');
    await sleep(300);
    expect((await reread(run)).status).toBe('running');
    await stopRun(run);
    expect((await reread(run)).status).toBe('stopped');
  });
});

describe('a stop', { timeout: 40_000 }, () => {
  it('is graceful: the trainer writes its checkpoint and its end', async () => {
    const run = await running();
    await stopRun(run);
    await run.refresh();
    expect(run.status).toBe('stopped');
    expect(isAlive(trainerOf(run))).toBe(false);
    expect(run.checkpoints).toHaveLength(1);
    expect(existsSync(join(run.folder, 'checkpoints', 'latest.safetensors'))).toBe(true);
    await until('exit.json', () => existsSync(join(run.folder, 'exit.json')));
    expect(JSON.parse(readText(join(run.folder, 'exit.json')))).toMatchObject({ code: 130 });
  });

  it('works right after the start', async () => {
    const run = await start('slow');
    await stopRun(run);
    await untilStatus(run, 'stopped');
    for (const pid of trainersOf(run)) expect(identify(pid)).toBeUndefined();
  });

  it('ends a trainer that ignores SIGINT, and calls it stopped', async () => {
    const run = await running('ignore-sigint');
    await stopRun(run, 0.3);
    expect(isAlive(trainerOf(run))).toBe(false);
    await untilStatus(run, 'stopped');
  });

  it('ends a trainer that ignores SIGTERM too, with no other program’s help', async () => {
    const run = await running('ignore-sigint,ignore-sigterm');
    vi.stubEnv('PATH', '');
    await stopRun(run, 0.3);
    expect(isAlive(trainerOf(run))).toBe(false);
    await untilStatus(run, 'stopped');
  });

  it.each([
    ['when the trainer must be forced', 'ignore-sigint,grandchild'],
    ['when even that is ignored', 'ignore-sigint,ignore-sigterm,grandchild'],
    ['when the trainer ends gracefully and leaves it behind', 'grandchild'],
  ])('ends what the trainer has started, %s', async (_when, behaviour) => {
    const run = await running(behaviour);
    await until('the grandchild', () => grandchildOf(run) !== undefined);
    const grandchild = identify(grandchildOf(run)!)!;
    expect(isAlive(grandchild)).toBe(true);
    await stopRun(run, behaviour.includes('ignore') ? 0.3 : 10);
    expect(isAlive(trainerOf(run))).toBe(false);
    await until('the end of the grandchild', () => !isAlive(grandchild), 3);
  });

  it('asked for twice at once is one stop', async () => {
    const run = await running();
    await Promise.allSettled([stopRun(run), stopRun(await reread(run))]);
    await untilStatus(run, 'stopped');
  });

  it('of a run that has ended is refused', async () => {
    const run = await start();
    await untilStatus(run, 'completed');
    await expect(stopRun(run)).rejects.toThrow('is not running');
  });

  it('never signals a process that only has the same pid', async () => {
    const run = await stopped();
    const bystander = await running();
    const file = join(run.folder, 'run.json');
    const record = JSON.parse(readText(file)) as Record<string, unknown>;
    const process = { ...trainerOf(bystander), startTime: 'before' };
    writeFileSync(file, JSON.stringify({ ...record, process }));
    await expect(stopRun(run)).rejects.toThrow('is not running');
    expect(isAlive(trainerOf(bystander))).toBe(true);
  });
});

describe('a resume', { timeout: 40_000 }, () => {
  it('goes on from the checkpoint in the same folder', async () => {
    const run = await stopped();
    const { step } = run.progress;
    process.env['FAKE_TRAINER'] = 'slow';
    await resumeRun(run, tools);
    await until('new metrics', async () => {
      await run.refresh();
      return run.progress.step > step;
    });
    expect(run.status).toBe('running');
    expect(readText(join(run.folder, 'metrics.ndjson'))).toContain(`"fromStep":${step}`);
    await stopRun(run);
    await untilStatus(run, 'stopped');
    expect([...run.series.get('train/loss')!.steps]).toEqual(
      Array.from({ length: run.progress.step }, (_, i) => i + 1),
    );
  });

  it('is running at once, also before the trainer has told of its start', async () => {
    const run = await stopped();
    process.env['FAKE_TRAINER'] = 'slow';
    const watcher = await reread(run);
    await resumeRun(run, tools);
    await watcher.refresh();
    expect(watcher.status).toBe('running');
    expect((await reread(run)).status).toBe('running');
  });

  it.runIf(linux)('is not ended by what the supervisor before it still has to note', async () => {
    const run = await running();
    const supervisor = parentOf(trainerOf(run).pid);
    // A busy machine may keep the old supervisor from its last act until the new trainer works.
    process.kill(supervisor, 'SIGSTOP');
    try {
      await stopRun(run);
      await resumeRun(run, tools);
    } finally {
      process.kill(supervisor, 'SIGCONT');
    }
    await until('the end of the old supervisor', () => identify(supervisor) === undefined);
    await run.refresh();
    expect(run.status).toBe('running');
  });

  it('that is asked for twice at once makes one trainer', async () => {
    const run = await stopped();
    process.env['FAKE_TRAINER'] = 'slow';
    const before = trainersOf(run).length;
    const others = await Promise.all([reread(run), reread(run)]);
    const results = await Promise.allSettled(others.map((other) => resumeRun(other, tools)));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await sleep(1000);
    expect(trainersOf(run)).toHaveLength(before + 1);
  });

  it('is not kept away by one that was killed on its way', async () => {
    const run = await stopped();
    const process = { ...trainerOf(run), startTime: 'long ago' };
    writeFileSync(join(run.folder, '.resuming'), JSON.stringify({ process }));
    await resumeRun(run, tools);
    await untilStatus(run, 'running');
    expect(readdirSync(run.folder)).not.toContain('.resuming');
  });

  it('with another noise in the file that it comes from is refused', async () => {
    const file = join(place, 'labels.txt');
    writeFileSync(file, '0\n1\n');
    process.env['FAKE_TRAINER'] = 'slow';
    const noise = { type: 'label_file' as const, file };
    const run = await startRun({ runsFolder, config: resolveConfig({ data: { name: 'digits', noise } }) }, tools);
    await until('the first metrics', async () => (await reread(run)).progress.step > 0);
    await stopRun(run);
    await untilStatus(run, 'stopped');
    writeFileSync(file, '1\n1\n');
    await expect(resumeRun(run, tools)).rejects.toThrow(`${file} has changed since`);
    expect((await reread(run)).record?.resumes).toEqual([]);
    writeFileSync(file, '0\n1\n');
    await resumeRun(run, tools);
    await untilStatus(run, 'running');
  });

  it('of a run whose folder has gone says so, and makes none', async () => {
    const run = await stopped();
    renameSync(run.folder, `${run.folder}-elsewhere`);
    await expect(holdRun(run)).rejects.toThrow(/cannot be written: ENOENT/);
    expect(existsSync(run.folder)).toBe(false);
  });

  it('that looked before another one began, and acts after it, makes no second trainer', async () => {
    const run = await stopped();
    process.env['FAKE_TRAINER'] = 'slow';
    const before = trainersOf(run).length;
    const late = await reread(run);
    const look = late.refresh.bind(late);
    let looks = 0;
    late.refresh = async () => {
      const changed = await look();
      looks += 1;
      // A busy machine may stop a process for any time between two of its steps.
      if (looks === 1) await resumeRun(run, tools);
      return changed;
    };
    await expect(resumeRun(late, tools)).rejects.toThrow();
    await sleep(1000);
    expect(trainersOf(run)).toHaveLength(before + 1);
  });

  it('of a running run is refused', async () => {
    await expect(resumeRun(await running(), tools)).rejects.toThrow('is running');
  });

  it('without a checkpoint is refused, and changes nothing', async () => {
    const run = await start('fail');
    await untilStatus(run, 'failed');
    const record = readText(join(run.folder, 'run.json'));
    await expect(resumeRun(run, tools)).rejects.toThrow('no checkpoint');
    expect(readText(join(run.folder, 'run.json'))).toBe(record);
    await run.refresh();
    expect(run.status).toBe('failed');
  });

  it('that fails to start can be tried again', async () => {
    const run = await stopped();
    const broken = { ...tools, dist: join(place, 'nowhere') };
    await resumeRun(run, broken).catch(() => {});
    await untilStatus(run, 'failed');
    process.env['FAKE_TRAINER'] = 'slow';
    await resumeRun(run, tools);
    await untilStatus(run, 'running');
  });

  it('that fails to start is failed, also when the supervisor before it notes its exit meanwhile', async () => {
    const run = await stopped();
    const dist = join(place, 'late');
    mkdirSync(dist);
    const late = JSON.stringify({ version: 1, code: 130, signal: null, time: 1 });
    const exit = JSON.stringify(join(run.folder, 'exit.json'));
    writeFileSync(
      join(dist, 'supervisor.js'),
      `require('fs').writeFileSync(${exit}, '${late}'); setTimeout(() => process.exit(1), 300);`,
    );
    await resumeRun(run, { ...tools, dist });
    await untilStatus(run, 'failed');
  });

  it('followed at once by a move to the trash refuses the move', async () => {
    const run = await stopped();
    process.env['FAKE_TRAINER'] = 'slow';
    const other = await reread(run);
    const resumed = resumeRun(run, tools);
    await until('the resume has begun', () => existsSync(join(run.folder, '.resuming')));
    await expect(trashRun(other)).rejects.toThrow(/is running|is being resumed/);
    await resumed;
    await expect(trashRun(other)).rejects.toThrow('running');
    expect(existsSync(run.folder)).toBe(true);
  });
});

describe('the trash', { timeout: 30_000 }, () => {
  it('refuses a running run, takes an ended one, and gives it back', async () => {
    const live = await running();
    await expect(trashRun(live)).rejects.toThrow('Stop it before you delete it');
    const run = await start();
    await untilStatus(run, 'completed');
    await until('the end of the process', () => !isAlive(trainerOf(run)));
    await trashRun(run);
    expect((await listRuns(runsFolder)).map(({ id }) => id)).toEqual([live.id]);
    await restoreRun(runsFolder, run.id);
    expect((await reread(run)).status).toBe('completed');
  });
});

describe('a start that fails', { timeout: 40_000 }, () => {
  function programs(...names: string[]): Tools {
    const dist = join(place, 'dist');
    mkdirSync(dist);
    for (const name of names) copyFileSync(join(tools.dist, name), join(dist, name));
    return { ...tools, dist };
  }

  async function expectFailure(programs: Tools, reason: RegExp): Promise<void> {
    const begun = Date.now();
    const run = await start('', programs);
    await untilStatus(run, 'failed', 'lost');
    expect(run.statusNote).toMatch(reason);
    expect(Date.now() - begun).toBeLessThan(10_000);
    await sleep(300);
    expect((await reread(run)).status).toBe(run.status);
  }

  it('for want of a supervisor says so', () => expectFailure(programs('trainer.js'), /supervisor/));

  it('for want of a trainer says so', () =>
    expectFailure(programs('supervisor.js'), /Cannot find module.*trainer\.js/));

  it('for want of Node says so', () =>
    expectFailure({ ...tools, node: join(place, 'no-node') }, /no-node.*ENOENT|ENOENT.*no-node/));

  it('in a runs folder that is a file says so and makes nothing', async () => {
    writeFileSync(runsFolder, 'a file');
    await expect(start()).rejects.toThrow(runsFolder);
    expect(readdirSync(place)).toEqual(['sat-runs']);
    expect(readText(runsFolder)).toBe('a file');
  });

  it('below a file says so and makes nothing', async () => {
    writeFileSync(runsFolder, 'a file');
    const below = startRun({ runsFolder: join(runsFolder, 'deeper'), config: resolveConfig({}) }, tools);
    await expect(below).rejects.toThrow(/cannot be written/);
    expect(readdirSync(place)).toEqual(['sat-runs']);
  });

  it.skipIf(process.getuid?.() === 0)('in a folder without permission leaves nothing half-made', async () => {
    mkdirSync(runsFolder, { mode: 0o555 });
    await expect(start()).rejects.toThrow(runsFolder);
    expect(readdirSync(runsFolder)).toEqual([]);
  });
});
