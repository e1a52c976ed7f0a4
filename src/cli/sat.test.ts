import { spawn } from 'node:child_process';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { trainersOf, until } from '../../test/faults/programs';
import { useSatCommand, type Ended } from '../../test/faults/satCommand';
import { identify } from '../lab/processes';
import { Run } from '../lab/run';
import { listRuns } from '../lab/store';

const { start, sat, tools, ...here } = useSatCommand('sat-cli-');
let place: string;
let runsFolder: string;
let config: string;
beforeEach(() => {
  place = here.place();
  runsFolder = here.runsFolder();
  config = write('one.sat.json', { epochs: 2 });
});

function write(name: string, content: unknown): string {
  const file = join(place, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const json = ({ stdout }: Ended) => JSON.parse(stdout) as Record<string, unknown>;

const madeRuns = () => (existsSync(runsFolder) ? readdirSync(runsFolder).filter((name) => !name.startsWith('.')) : []);

/** A run in the background that has told of its first steps. */
async function detached(behaviour = 'slow'): Promise<Run> {
  const { code, stdout, stderr } = await start(['run', config, '--detach'], behaviour).ended;
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const run = new Run(join(runsFolder, stdout.trim()));
  await until('the first metrics', async () => {
    await run.refresh();
    return run.progress.step > 0;
  });
  return run;
}

async function completed(...more: string[]): Promise<string> {
  const ended = await sat('run', config, '--json', ...more);
  expect(ended.code).toBe(0);
  return String(json(ended)['id']);
}

describe('sat run', { timeout: 30_000 }, () => {
  it('stays to the end, tells of it on standard error, and exits with 0', async () => {
    const { code, stdout, stderr } = await sat('run', config);
    expect(code).toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/completed, test accuracy 80\.0 %/);
    expect(madeRuns()).toHaveLength(1);
  });

  it('says how good that is by which the best checkpoint was kept', async () => {
    const natural = await sat('run', config);
    expect(natural.stderr).toMatch(/completed, test accuracy 80\.0 %, best 80\.0 % at epoch 2\n$/);
    const attacks = ['--set', 'evaluate.attacks=[{"name":"pgd20"}]'];
    const robust = await sat('run', config, ...attacks, '--set', 'checkpoint.best=test/robust_accuracy/pgd20');
    expect(robust.stderr).toMatch(/, best 80\.0 % at epoch 2, best PGD-20 40\.0 % at epoch 1\n$/);
  });

  it('--json prints one document', async () => {
    const ended = await sat('run', config, '--json', '--set', 'seed=7', '--name', 'mine');
    expect(ended.code).toBe(0);
    expect(json(ended)).toMatchObject({
      version: 1,
      name: 'mine',
      status: 'completed',
      progress: { step: 4, steps: 4 },
      record: { config: { seed: 7, epochs: 2 }, configFile: config },
    });
  });

  it('--ndjson prints the events, all of them and nothing else', async () => {
    const { code, stdout } = await sat('run', config, '--ndjson');
    expect(code).toBe(0);
    const [id] = madeRuns();
    expect(stdout).toBe(readFileSync(join(runsFolder, id!, 'metrics.ndjson'), 'utf8'));
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events[0]).toBe('start');
    expect(events.at(-1)).toBe('end');
    expect(events.filter((event) => event === 'metrics')).toHaveLength(4);
  });

  it('refuses --ndjson with --json', async () => {
    const ended = await sat('run', config, '--ndjson', '--json');
    expect(ended).toEqual({ code: 2, stdout: '', stderr: 'sat: --ndjson and --json exclude each other.\n' });
    expect(madeRuns()).toEqual([]);
  });

  it('exits with 1 when the work failed, and says why', async () => {
    const { code, stderr } = await start(['run', config], 'fail').ended;
    expect(code).toBe(1);
    expect(stderr).toContain('The sky is falling.');
  });

  it('--json tells of a failure in the document', async () => {
    const ended = await start(['run', config, '--json'], 'fail').ended;
    expect(ended.code).toBe(1);
    expect(json(ended)).toMatchObject({ status: 'failed' });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('stops the run gracefully at %s and exits with 130', async (signal) => {
    const { child, told, ended } = start(['run', config, '--ndjson'], 'slow');
    await until('the first metrics', () => told.stdout.includes('"metrics"'));
    child.kill(signal);
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    expect(stdout.trimEnd().split('\n').at(-1)).toContain('"status":"stopped"');
    const [run] = await listRuns(runsFolder);
    expect(run?.status).toBe('stopped');
    for (const pid of trainersOf(run!)) await until('the end of the trainer', () => identify(pid) === undefined);
  });

  it('stops the run gracefully when nobody reads its events any more', async () => {
    const { child, told, ended } = start(['run', config, '--ndjson'], 'slow');
    await until('the first metrics', () => told.stdout.includes('"metrics"'));
    child.stdout.destroy();
    const { code, stderr } = await ended;
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: 'Stopping after this step; Ctrl-C again ends it at once.\n',
    });
    const [run] = await listRuns(runsFolder);
    expect(run?.status).toBe('stopped');
  });

  it('ends a deaf trainer at the second Ctrl-C', async () => {
    const { child, told, ended } = start(['run', config], 'slow,ignore-sigint');
    await until('the run', () => told.stderr.includes('sat-runs') && madeRuns().length > 0);
    const run = new Run(join(runsFolder, madeRuns()[0]!));
    await until('the first metrics', async () => {
      await run.refresh();
      return run.progress.step > 0;
    });
    child.kill('SIGINT');
    await until('the first Ctrl-C', () => told.stderr.includes('Ctrl-C again'));
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    for (const pid of trainersOf(run)) await until('the end of the trainer', () => identify(pid) === undefined);
  });

  it('--detach returns at once and prints the id', async () => {
    const run = await detached();
    expect(run.status).toBe('running');
    expect(madeRuns()).toEqual([run.id]);
  });

  it.each([
    ['a file that is missing', ['run', 'none.sat.json'], /none\.sat\.json.*could not be read/],
    ['a wrong value', ['run', 'one.sat.json', '--set', 'epochs=0'], /epochs: expected at least 1, found 0/],
    ['an unknown key', ['run', 'one.sat.json', '--set', 'epoch=3'], /Did you mean epochs/],
    ['a --set without a value', ['run', 'one.sat.json', '--set', 'epochs'], /expected key\.path=value/],
    ['an unknown runtime', ['run', 'one.sat.json', '--runtime', 'cuda'], /runtime: expected/],
    ['an unknown option', ['run', 'one.sat.json', '--fast'], /unknown option/],
    ['no file', ['run'], /missing required argument/],
    ['too many files', ['run', 'one.sat.json', 'two.sat.json'], /too many arguments/],
  ])('with %s exits with 2 and makes no run', async (_what, args, message) => {
    const { code, stdout, stderr } = await sat(...args);
    expect(stderr).toMatch(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(existsSync(runsFolder)).toBe(false);
  });

  it('names file, line and column of what is not JSON', async () => {
    write('bad.sat.json', '{\n  "epochs": 4\n  "seed": 1\n}');
    const { code, stderr } = await sat('run', 'bad.sat.json');
    expect(code).toBe(2);
    expect(stderr).toContain(`${join(place, 'bad.sat.json')}:3:3`);
  });

  it('refuses a sweep with 2', async () => {
    write('sweep.sat.json', { sweep: { seed: [0, 1] } });
    expect((await sat('run', 'sweep.sat.json')).code).toBe(2);
    expect(madeRuns()).toEqual([]);
  });

  it('in a runs folder that cannot be made exits with 1 and says so without a stack', async () => {
    write('sat-runs', 'a file');
    const { code, stderr } = await sat('run', config);
    expect(code).toBe(1);
    expect(stderr).toContain(runsFolder);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe('where runs are kept', { timeout: 30_000 }, () => {
  it('is --runs before SAT_RUNS before the nearest sat-runs upwards', async () => {
    const id = await completed();
    mkdirSync(join(place, 'a', 'b'), { recursive: true });
    const list = async (cwd: string, env: Record<string, string>, ...args: string[]) => {
      const child = spawn(tools().node, [join(tools().dist, 'sat.js'), 'list', '--json', ...args], {
        cwd,
        env: { ...process.env, SAT_RUNS: '', ...env },
      });
      let stdout = '';
      child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()));
      await new Promise((resolve) => child.on('close', resolve));
      return (JSON.parse(stdout) as { runs: { id: string }[] }).runs.map((run) => run.id);
    };
    const below = join(place, 'a', 'b');
    expect(await list(below, {})).toEqual([id]);
    expect(await list(below, { SAT_RUNS: join(place, 'none') })).toEqual([]);
    expect(await list(below, { SAT_RUNS: join(place, 'none') }, '--runs', '../../sat-runs')).toEqual([id]);
  });
});

describe('sat list and sat show', { timeout: 30_000 }, () => {
  it('take it for no error when nobody reads on', async () => {
    const { child, ended } = start(['list']);
    child.stdout.destroy();
    expect(await ended).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('say when there are no runs', async () => {
    const { code, stdout } = await sat('list');
    expect(code).toBe(0);
    expect(stdout).toContain('No runs');
    expect(json(await sat('list', '--json'))).toEqual({ version: 1, runs: [] });
    expect(existsSync(runsFolder)).toBe(false);
  });

  it('list the newest first', async () => {
    const ids = [await completed(), await completed('--set', 'seed=1')];
    const { runs } = json(await sat('list', '--json')) as { runs: { id: string; status: string }[] };
    expect(runs.map(({ id }) => id)).toEqual(ids.reverse());
    const { stdout } = await sat('list');
    expect(stdout.indexOf(ids[0]!)).toBeLessThan(stdout.indexOf(ids[1]!));
  });

  it('know a run by its id, a unique prefix of it, and its path', async () => {
    const id = await completed();
    for (const reference of [id, id.slice(0, -2), id.slice(0, 4), join(runsFolder, id), `sat-runs/${id}`]) {
      const ended = await sat('show', reference, '--json');
      expect(ended.code).toBe(0);
      expect(json(ended)).toMatchObject({ version: 1, id, status: 'completed' });
    }
    const { stdout } = await sat('show', id);
    expect(stdout).toContain('test/accuracy');
    expect(stdout).toContain('step 4/4');
  });

  it('tell how many labels are wrong, and which are given for which', async () => {
    const id = await completed();
    const noise = (content: object) => writeFileSync(join(runsFolder, id, 'noise.json'), JSON.stringify(content));
    expect(json(await sat('show', id, '--json'))).toMatchObject({ noise: null });
    const matrix = [
      [0.75, 0.25],
      [0, 1],
    ];
    const given = { type: 'symmetric', count: 1500, trueErrorRate: 0.125, transitionMatrix: matrix };
    noise({ version: 1, ...given, indices: [], given: [], true: [] });
    const { stdout } = await sat('show', id);
    expect(stdout).toContain('1,500 labels of the whole training set wrong, 12.5 %');
    expect(stdout.replace(/ +/g, ' ')).toContain('0 75.0 25.0');
    expect(json(await sat('show', id, '--json'))).toMatchObject({ noise: given });
    noise({ version: 1, type: 'Gaussian', count: 300 });
    expect((await sat('show', id)).stdout).toContain('300 images of the whole training set replaced');
  });

  it('tell of evaluations, and of no checkpoint whose file is gone', async () => {
    const id = await completed();
    const folder = join(runsFolder, id);
    const evaluated = (name: string, record: object, end: object) => {
      const own = join(folder, 'evaluations', name);
      mkdirSync(own, { recursive: true });
      const about = { version: 1, id: name, checkpoint: 'checkpoints/step-4.safetensors', step: 4, epoch: 2, data: {} };
      writeFileSync(join(own, 'evaluation.json'), JSON.stringify({ ...about, ...record }));
      writeFileSync(join(own, 'events.ndjson'), `${JSON.stringify({ event: 'end', ...end })}\n`);
      const gone = { host: 'here', bootId: '', pid: 1, startTime: '', byte: 0 };
      writeFileSync(join(own, 'process.json'), JSON.stringify(gone));
    };
    const attack = { name: 'autoattack', version: 'plus', norm: 'l2', epsilon: 0.5, seed: 0 };
    const counts = { total: 1000, correct: 900, robust: 412 };
    evaluated('1', { attack, counts }, { status: 'completed' });
    evaluated('2', { attack: { name: 'fgsm', epsilon: 0.1 } }, { status: 'failed', message: 'no GPU' });
    const shown = (await sat('show', id)).stdout;
    expect(shown).toContain(join('checkpoints', 'step-4.safetensors'));
    const rows = shown.split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(rows).toContainEqual([
      'step-4 (epoch 2)',
      'AutoAttack plus, L2 ε 0.5',
      '1,000',
      '90.0 %',
      '41.2 % ± 3.0',
      'completed',
    ]);
    expect(rows).toContainEqual(['step-4 (epoch 2)', 'FGSM, L∞ ε 0.1', 'failed: no GPU']);
    rmSync(join(folder, 'checkpoints', 'step-4.safetensors'));
    expect((await sat('show', id)).stdout).not.toContain(join('checkpoints', 'step-4.safetensors'));
    expect(json(await sat('show', id, '--json'))).toMatchObject({
      checkpoints: [{ name: 'step-4', kept: false }],
      evaluations: [
        { id: '1', status: 'completed', counts },
        { id: '2', status: 'failed' },
      ],
    });
  });

  it('refuse a prefix of several, and one of none', async () => {
    const ids = [await completed(), await completed()];
    const common = ids[0]!.slice(0, 4);
    const several = await sat('show', common);
    expect(several.code).not.toBe(0);
    for (const id of ids) expect(several.stderr).toContain(id);
    const none = await sat('show', 'x');
    expect(none.code).not.toBe(0);
    expect(none.stderr).toContain('No run x');
    expect(none.stdout).toBe('');
  });

  it('show a folder that is damaged, and harm no other', async () => {
    const id = await completed();
    mkdirSync(join(runsFolder, 'damaged'));
    writeFileSync(join(runsFolder, 'damaged', 'run.json'), '{"version":1,');
    const ended = await sat('list', '--json');
    expect(ended.code).toBe(0);
    const { runs } = json(ended) as { runs: { id: string; statusNote: string | null }[] };
    expect(runs.find((run) => run.id === 'damaged')?.statusNote).toContain('run.json');
    expect(runs.map((run) => run.id)).toContain(id);
  });
});

describe('what a run is warned of', () => {
  it('is said while it is followed, and by sat show', async () => {
    const followed = await start(['run', config], 'warn').ended;
    expect(followed.stderr.match(/^warning: sat begins too late$/gm)).toHaveLength(1);
    const [id = ''] = madeRuns();
    expect((await sat('show', id)).stdout).toContain('\nwarning: sat begins too late\n');
  });
});

describe('sat stop and sat resume', { timeout: 30_000 }, () => {
  it('stop a run and go on with it', async () => {
    const run = await detached();
    const stopped = await sat('stop', run.id, '--json');
    expect(stopped.code).toBe(0);
    expect(json(stopped)).toMatchObject({ id: run.id, status: 'stopped' });
    const resumed = await start(['resume', run.id, '--detach', '--json'], 'slow').ended;
    expect(resumed.code).toBe(0);
    expect(json(resumed)).toMatchObject({ id: run.id, status: 'running' });
    expect((await sat('stop', run.id)).code).toBe(0);
  });

  it('stay with a resumed run to its end', async () => {
    const run = await detached();
    await sat('stop', run.id);
    const checkpoint = join(run.folder, 'checkpoints', 'nearly.safetensors');
    writeFileSync(checkpoint, '{"step":998}');
    const { code, stderr } = await start(['resume', run.id, '--checkpoint', 'nearly'], 'slow').ended;
    expect(stderr).toContain('completed');
    expect(code).toBe(0);
  });

  it('refuse what cannot be', async () => {
    const id = await completed();
    const stop = await sat('stop', id);
    expect(stop.code).toBe(1);
    expect(stop.stderr).toContain('is not running');
    const resume = await sat('resume', id, '--checkpoint', 'epoch-99');
    expect(resume.code).not.toBe(0);
    expect(resume.stderr).toContain('epoch-99');
  });
});

describe('sat delete', { timeout: 30_000 }, () => {
  it('moves a run to the trash, and --restore brings it back', async () => {
    const id = await completed();
    const deleted = await sat('delete', id);
    expect(deleted.code).toBe(0);
    expect(deleted.stderr).toContain(`--restore ${id}`);
    expect(madeRuns()).toEqual([]);
    expect(json(await sat('list', '--json'))['runs']).toEqual([]);
    expect((await sat('delete', '--restore', id)).code).toBe(0);
    expect(madeRuns()).toEqual([id]);
    expect(json(await sat('show', id, '--json'))).toMatchObject({ status: 'completed' });
  });

  it('--json prints one document', async () => {
    const id = await completed();
    expect(json(await sat('delete', id, '--json'))).toMatchObject({ version: 1, id });
    expect(json(await sat('delete', '--restore', id, '--json'))).toMatchObject({ version: 1, id });
  });

  it('--restore knows a unique prefix too', async () => {
    const id = await completed();
    await sat('delete', id);
    expect((await sat('delete', '--restore', id.slice(0, -2))).code).toBe(0);
    expect(madeRuns()).toEqual([id]);
  });

  it('--empty-trash deletes for good what is in the trash, and nothing else', async () => {
    const [gone, kept] = [await completed(), await completed()];
    await sat('delete', gone);
    expect((await sat('delete', '--empty-trash', kept)).code).toBe(2);
    expect((await sat('delete')).code).toBe(2);
    const emptied = await sat('delete', '--empty-trash');
    expect([emptied.code, emptied.stderr]).toEqual([0, expect.stringMatching(/^1 run is deleted, \d/)]);
    expect((await sat('delete', '--restore', gone)).code).not.toBe(0);
    expect(madeRuns()).toEqual([kept]);
    expect(json(await sat('delete', '--empty-trash', '--json'))).toMatchObject({ runs: 0, bytes: 0 });
  });

  it('--restore never leaves the trash', async () => {
    const id = await completed();
    for (const reference of ['', '.', '..', `../${id}`, 'none']) {
      const { code } = await sat('delete', '--restore', reference);
      expect(code, `--restore '${reference}'`).not.toBe(0);
      expect(madeRuns(), `--restore '${reference}'`).toEqual([id]);
    }
  });

  it('refuses a running run', async () => {
    const run = await detached();
    const { code, stderr } = await sat('delete', run.id);
    expect(code).toBe(1);
    expect(stderr).toContain('Stop it before you delete it');
    expect(madeRuns()).toEqual([run.id]);
  });
});

describe('sat data', { timeout: 30_000 }, () => {
  it('lists and checks what the trainer knows', async () => {
    const list = await sat('data', 'list', '--json');
    expect(list.code).toBe(0);
    expect(json(list)).toMatchObject({ version: 1, dataSets: [{ name: 'digits', ok: true }, { name: 'mnist' }] });
    expect((await sat('data', 'check', 'digits')).code).toBe(0);
    const missing = await sat('data', 'check', 'mnist', '--json');
    expect(missing.code).toBe(1);
    expect(json(missing)).toMatchObject({ name: 'mnist', ok: false });
    const found = json(await sat('data', 'check', 'digits', '--json'));
    expect(found['files']).toEqual([{ file: 'all', status: 'ok', message: '4 images' }]);
  });

  it('checks the data of a configuration, or of settings, and tells of each file', async () => {
    const root = join(place, 'mine');
    const file = write('mine.sat.json', { data: { name: 'image-folder', root: 'mine' } });
    const missing = await sat('data', 'check', file, '--set', 'data.size=96');
    expect(missing).toMatchObject({ code: 1, stderr: 'sat: no files\n' });
    expect(missing.stdout).toMatch(/^missing +all +no files at size 96 *$/m);
    mkdirSync(root);
    const found = await sat('data', 'check', 'image-folder', '--root', root, '--set', 'data.size=32');
    expect(found.code).toBe(0);
    expect(found.stdout).toMatch(/^ok +all +4 images at size 32 *\n4 images$/m);
    const wrong = await sat('data', 'check', 'image-folder', '--set', 'data.size=x');
    expect(wrong).toMatchObject({ code: 2, stderr: 'sat: data.size: expected a number, found "x"\n' });
    expect((await sat('data', 'check', 'pictures')).stderr).toMatch(/data\.name: expected "digits" or/);
  });

  it('downloads what is published, and says what is not', async () => {
    const { code, stderr } = await sat('data', 'download', 'digits');
    expect(code).toBe(2);
    expect(stderr).toContain('There are mnist, fashion-mnist, cifar10, cifar100, svhn, stl10.');
  });

  it('does not download what is there', async () => {
    const root = join(place, 'data', 'cifar100');
    mkdirSync(root, { recursive: true });
    const { code, stdout, stderr } = await sat('data', 'download', 'cifar100');
    expect(stderr).toContain(`It is there already: set data.root to ${root}.`);
    expect(stdout).toContain('4 images');
    expect(code).toBe(0);
  });
});

describe('sat data download', { timeout: 30_000 }, () => {
  /** Sends a child's requests to a server of our own, which cannot have the checksums of what is published. */
  const redirect = `const original = fetch;
    globalThis.fetch = (url, options) => original(new URL(new URL(url).pathname, process.env.TEST_SERVER), options);`;
  let answer: (response: ServerResponse) => void;
  const server = createServer((_, response) => answer(response));
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(() => server.close());
  const part = () => join(place, 'data', 'svhn', 'train_32x32.mat.part');

  function download() {
    const stub = write('redirect.cjs', redirect);
    const { port } = server.address() as AddressInfo;
    vi.stubEnv('NODE_OPTIONS', `--require=${stub}`);
    vi.stubEnv('TEST_SERVER', `http://127.0.0.1:${port}`);
    const started = start(['data', 'download', 'svhn']);
    vi.unstubAllEnvs();
    return started;
  }

  it('exits with 1 when what came is not what is published', async () => {
    answer = (response) => response.end(Buffer.alloc(2000));
    const { code, stderr } = await download().ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^train_32x32\.mat, 2 kB …\nsat: http.*train_32x32\.mat: what came has the checksum /);
    expect(existsSync(part())).toBe(false);
  });

  it('exits with 130 when it is interrupted, and keeps what has come', async () => {
    answer = (response) => void response.writeHead(200, { 'content-length': 1000 }).write('digits');
    const { child, ended } = download();
    await until('the first bytes', () => existsSync(part()) && readFileSync(part()).length > 0);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stderr: expect.stringContaining('Cancelled.') as string });
    expect(readFileSync(part(), 'utf8')).toBe('digits');
  });
});

describe('a wrong call', { timeout: 60_000 }, () => {
  it.each([
    [['nonsense']],
    [['--nonsense']],
    [['list', '--nonsense']],
    [['list', 'extra']],
    [['show']],
    [['stop']],
    [['stop', 'a', '--force']],
    [['resume', 'a', '--checkpoint']],
    [['delete']],
    [['delete', 'a', '--for-good']],
    [['data', 'nonsense']],
    [['data', 'check']],
    [['data', 'list', '--nonsense']],
    [['list', '--runs']],
  ])('exits with 2: sat %j', async (args) => {
    const { code, stdout, stderr } = await sat(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toBe('');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it.each([[['--help']], [['--version']], [['run', '--help']], [['data', 'list', '--help']]])(
    'is not one that asks for help or version: sat %j',
    async (args) => {
      const { code, stdout } = await sat(...args);
      expect(code).toBe(0);
      expect(stdout).not.toBe('');
    },
  );
});
