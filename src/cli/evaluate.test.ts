import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, readText, until } from '../../test/faults/programs';
import type { Ended } from '../../test/faults/satCommand';
import { encodeSafetensors } from '../formats/safetensors';
import { evaluationAttackSchema } from '../protocol/evaluation';
import { attacksOf, numeric } from './attackArguments';

describe('the attack on a command line', () => {
  it('takes fractions, and one attack for each ε and number of steps', () => {
    expect(numeric('8/255')).toBe(8 / 255);
    for (const wrong of ['', '8/', '1/0', 'eight', '1/2/3']) expect(() => numeric(wrong)).toThrow(/is not a number/);
    const attacks = attacksOf({ attack: 'pgd20', epsilon: [0, 4 / 255], steps: [10, 100], restarts: 2, set: [] });
    expect(attacks).toMatchObject([
      { epsilon: 0, steps: 10, restarts: 2 },
      { epsilon: 0, steps: 100, restarts: 2 },
      { epsilon: 4 / 255, steps: 10, restarts: 2 },
      { epsilon: 4 / 255, steps: 100, restarts: 2 },
    ]);
    for (const version of ['plus', '2020']) {
      expect(attacksOf({ attack: 'autoattack', set: [`version=${version}`] })).toMatchObject([{ version }]);
    }
  });

  it('names the option that is wrong', () => {
    expect(() => attacksOf({ attack: 'pgd20', epsilon: [0.1, -1], set: [] })).toThrow(/--attack pgd20: epsilon/);
    expect(() => attacksOf({ attack: 'square', steps: [5], set: [] })).toThrow(/--attack square: .*steps/);
    expect(() => attacksOf({ attack: 'pgd200', set: [] })).toThrow(
      /pgd200: there is no such attack. Choose one of none, fgsm/,
    );
    expect(() => attacksOf({ attack: 'pgd20', set: ['restarts'] })).toThrow(/expected option=value/);
    // The result would stand under another name, or be of other images than it says.
    expect(() => attacksOf({ attack: 'fgsm', set: ['name=autoattack'] })).toThrow(
      '--set name=autoattack: use --attack',
    );
    expect(() => attacksOf({ attack: 'pgd20', set: ['limit=10'] })).toThrow('--set limit=10: use --limit');
    expect(evaluationAttackSchema.safeParse({ name: 'pgd20', limit: 10 }).success).toBe(false);
  });
});

describe('sat evaluate', { timeout: 60_000 }, () => {
  let tools: Awaited<ReturnType<typeof buildPrograms>>;
  let place: string;
  const run = () => join(place, 'sat-runs', 'one');

  beforeAll(async () => {
    tools = await buildPrograms();
    place = mkdtempSync(join(tmpdir(), 'sat-evaluate-cli-'));
    mkdirSync(join(run(), 'checkpoints'), { recursive: true });
    const record = { version: 1, id: 'one', created: '2026-01-01T00:00:00Z', config: {} };
    writeFileSync(join(run(), 'run.json'), JSON.stringify(record));
    const metadata = { step: '12', epoch: '10', config: JSON.stringify({ data: { name: 'digits' } }) };
    for (const name of ['epoch-9', 'epoch-10'])
      writeFileSync(join(run(), 'checkpoints', `${name}.safetensors`), encodeSafetensors(new Map(), metadata));
  }, 60_000);
  afterAll(() => {
    tools.remove();
    rmSync(place, { recursive: true, force: true });
  });

  /** @param behaviour of the trainer. @param checkpoint a name, or a path */
  const start = (behaviour: string, checkpoint: string, ...args: string[]) => {
    const named = join(run(), 'checkpoints', `${checkpoint}.safetensors`);
    const file = checkpoint.includes('/') ? checkpoint : named;
    const env = { ...process.env, FAKE_TRAINER: behaviour };
    const child = spawn(tools.node, [join(tools.dist, 'sat.js'), 'evaluate', file, ...args], { cwd: place, env });
    const told = { stdout: '', stderr: '' };
    child.stdout.on('data', (bytes: Buffer) => (told.stdout += bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => (told.stderr += bytes.toString()));
    const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, ...told })));
    return { child, told, ended };
  };
  const evaluate = (checkpoint: string, ...args: string[]) => start('', checkpoint, ...args).ended;

  /** Evaluations with an attack that have told of their start. */
  const begunOf = (attack: string) => {
    const evaluations = join(run(), 'evaluations');
    return (existsSync(evaluations) ? readdirSync(evaluations) : []).filter(
      (id) => id.includes(`-${attack}-`) && readText(join(evaluations, id, 'events.ndjson')) !== '',
    );
  };

  it('evaluates each ε, in a folder of its own, and none of them twice', async () => {
    const first = await evaluate('epoch-10', '--epsilon', '0,0.1,51/255');
    // A line that is no warning, once for all of them.
    const stderr = 'note: PGD-20 alone overestimates robustness: report AutoAttack beside it.\n';
    expect(first).toMatchObject({ code: 0, stderr });
    const rows = first.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/));
    expect(rows[0]).toEqual(['checkpoint', 'attack', 'images', 'natural', 'robust', '95 % interval']);
    expect(rows.slice(1).map((row) => row.slice(0, 5))).toEqual([
      ['epoch-10', 'PGD-20, L∞ ε 0', '100', '90.00 %', '90.00 %'],
      ['epoch-10', 'PGD-20, L∞ ε 0.1, step size 0.0125', '100', '90.00 %', '81.00 %'],
      ['epoch-10', 'PGD-20, L∞ ε 0.2, step size 0.025', '100', '90.00 %', '72.00 %'],
    ]);
    expect(readdirSync(join(run(), 'evaluations'))).toHaveLength(3);
    const second = await evaluate('epoch-10', '--epsilon', '0.1,0.3', '--json');
    expect((JSON.parse(second.stdout) as { evaluations: unknown[] }).evaluations).toHaveLength(2);
    expect(readdirSync(join(run(), 'evaluations'))).toHaveLength(4);
  });

  it('warns of steps that are too short, once for all checkpoints', async () => {
    const short = ['--epsilon', '0.3', '--step-size', '0.003'];
    const runs = join(place, 'sat-runs');
    expect((await evaluate(run(), ...short, '--checkpoints', '9-10', '--runs', runs)).stderr).toMatch(
      /^warning: 20 steps of 0\.003 cannot cross a ball of ε 0\.3: [^\n]+\nnote: [^\n]+\n$/,
    );
  });

  it('says which runtimes and devices there are', async () => {
    for (const option of ['--runtime', '--device']) {
      const { code, stderr } = await evaluate('epoch-9', option, 'abacus');
      expect(code).toBe(2);
      expect(stderr).toMatch(/'abacus' is invalid\. Allowed choices are auto, /);
    }
  });

  it('records what it is to compute with and where the data are', async () => {
    const { stdout } = await evaluate('epoch-9', '--attack', 'fgsm', '--device', 'cpu', '--root', 'images', '--json');
    const [record] = (JSON.parse(stdout) as { evaluations: object[] }).evaluations;
    expect(record).toMatchObject({ device: 'cpu', data: { name: 'digits', root: join(place, 'images') } });
    const elsewhere = await evaluate('epoch-9', '--attack', 'fgsm', '--json');
    const [other] = (JSON.parse(elsewhere.stdout) as { evaluations: object[] }).evaluations;
    expect(other).toMatchObject({ device: 'auto', data: { name: 'digits' } });
  });

  it('says what is not kept of a range, and evaluates nothing twice', async () => {
    const runs = join(place, 'sat-runs');
    const which = ['--checkpoints', '1-10,10', '--attack', 'apgd-ce', '--epsilon', '0.5,1/2', '--runs', runs];
    const { stdout, stderr, code } = await evaluate(run(), ...which);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '1-10: 2 of 10 epochs are kept.\n' });
    expect(stdout.trimEnd().split('\n')).toHaveLength(3);
  });

  it('says in JSON why an evaluation failed', async () => {
    const { stdout, code } = await evaluate('epoch-9', '--attack', 'apgd-t', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      evaluations: [],
      failed: [{ status: 'failed', reason: 'APGD-T needs 4 classes', attack: { name: 'apgd-t' } }],
    });
  });

  it('goes on after a checkpoint that is damaged, and lists it', async () => {
    const damaged = join(run(), 'checkpoints', 'epoch-9.safetensors');
    const sound = readFileSync(damaged);
    writeFileSync(damaged, sound.subarray(0, 20));
    const which = ['--checkpoints', '9-10', '--attack', 'fgsm', '--runs', join(place, 'sat-runs')];
    const { stdout, stderr, code } = await evaluate(run(), ...which);
    const json = await evaluate(run(), ...which, '--json');
    writeFileSync(damaged, sound);
    expect([code, json.code]).toEqual([1, 1]);
    const reason = /epoch-9\.safetensors is not a checkpoint of SAT Lab/;
    expect(stderr).toMatch(reason);
    const [, good, bad] = stdout.split('\n');
    expect(good).toMatch(/^epoch-10 .* 87\.00 %/);
    expect(bad).toMatch(/^epoch-9 +failed /);
    expect(bad).toMatch(reason);
    expect(JSON.parse(json.stdout)).toMatchObject({
      evaluations: [{ checkpoint: 'checkpoints/epoch-10.safetensors' }],
      failed: [{ checkpoint: damaged, status: 'failed', reason: expect.stringMatching(reason) as string }],
    });
  });

  it('ends at a stop, and the same command goes on', async () => {
    const which = ['--checkpoints', '9-10', '--attack', 'square', '--runs', join(place, 'sat-runs'), '--json'];
    const { child, ended } = start('slow', run(), ...which);
    await until('the first evaluation', () => begunOf('square').length === 1);
    child.kill('SIGINT');
    const { stdout, stderr, code } = await ended;
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: 'Stopping; the same command goes on from here.\nepoch-9.safetensors: stopped\n',
    });
    expect(JSON.parse(stdout)).toMatchObject({ evaluations: [], failed: [], unfinished: { status: 'stopped' } });
    const again = await evaluate(run(), ...which);
    expect(again.code).toBe(0);
    expect((JSON.parse(again.stdout) as { evaluations: unknown[] }).evaluations).toHaveLength(2);
  });

  it('follows an evaluation that runs already, and stops that', async () => {
    const args = [run(), '--attack', 'fab', '--checkpoints', '9', '--runs', join(place, 'sat-runs')] as const;
    const abandoned = async () => {
      const { child, ended } = start('slow', ...args);
      const before = started().length;
      await until('a process', () => started().length > before);
      child.kill('SIGKILL');
      await ended;
    };
    const started = () =>
      begunOf('fab').flatMap((id) => readText(join(run(), 'evaluations', id, 'events.ndjson')).match(/"start"/g) ?? []);
    const following = 'epoch-9.safetensors: runs already, and is followed\n';

    await abandoned();
    const { child, told, ended } = start('', ...args);
    await until('the following', () => told.stderr === following);
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);

    await abandoned();
    const { code, stdout, stderr } = await evaluate(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: following });
    expect(stdout).toMatch(/epoch-9 .* 87\.\d\d %/);
    expect([begunOf('fab').length, started().length]).toEqual([1, 2]);
  });

  it('lets several that ask for the same at once have one evaluation', async () => {
    const calls = Array.from({ length: 4 }, () => start('slow', 'epoch-9', '--attack', 'multi-targeted').ended);
    const ended = await Promise.all(calls);
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(new Set(ended.map(({ stdout }) => stdout)).size).toBe(1);
    const [id = '', ...more] = begunOf('multi-targeted');
    expect(more).toEqual([]);
    expect(readText(join(run(), 'evaluations', id, 'events.ndjson')).match(/"start"/g)).toHaveLength(1);
  });

  it('says so when what it follows is taken away', async () => {
    const { ended } = start('slow', 'epoch-9', '--attack', 'apgd-dlr', '--json');
    await until('the evaluation', () => begunOf('apgd-dlr').length === 1);
    const [id = ''] = begunOf('apgd-dlr');
    const folder = join(run(), 'evaluations', id);
    await until('its start', () => existsSync(join(folder, 'process.json')));
    renameSync(folder, join(place, id));
    const { code, stdout } = await ended;
    expect(code).toBe(1);
    const failed = { checkpoint: expect.stringContaining('epoch-9') as string, attack: { name: 'apgd-dlr' } };
    expect(JSON.parse(stdout)).toMatchObject({
      evaluations: [],
      failed: [{ ...failed, status: 'failed', reason: `${folder} was moved or deleted` }],
    });
  });

  it('says above the results what they are', async () => {
    const head = async (...args: string[]) =>
      (await evaluate('epoch-9', ...args)).stdout.split('\n')[0]?.trim().split(/ {2,}/);
    const around = (title: string) => ['checkpoint', 'images', 'natural', title, '95 % interval'];
    const plus = ['--attack', 'autoattack', '--set', 'version=plus', '--norm', 'l2', '--epsilon', '0.5'];
    expect(await head(...plus)).toEqual(around('AutoAttack plus, L2 ε 0.5'));
    expect(await head('--attack', 'pgd20', '--steps', '100')).toEqual(around('PGD-20, L∞ ε 0.031, 100 steps'));
    expect(await head('--attack', 'none')).toEqual(['checkpoint', 'images', 'natural', '95 % interval']);
  });
});
