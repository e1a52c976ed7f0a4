import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ZodError } from 'zod';
import {
  cellHash,
  formatProblem,
  loadConfigFile,
  parseConfig,
  resolveConfig,
  type ConfigCell,
  type ConfigProblem,
} from './config';

let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sat-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(name: string, content: unknown): Promise<string> {
  const file = at(name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

async function cells(content: unknown, settings: string[] = []): Promise<ConfigCell[]> {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const result = await parseConfig(text, at('unsaved.sat.json'), settings);
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.cells;
}

async function cell(content: unknown, settings: string[] = []): Promise<ConfigCell> {
  const all = await cells(content, settings);
  expect(all).toHaveLength(1);
  return all[0]!;
}

async function problems(content: unknown, settings: string[] = []): Promise<ConfigProblem[]> {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const result = await parseConfig(text, at('unsaved.sat.json'), settings);
  return result.ok ? [] : result.problems;
}

describe('defaults', () => {
  it('fill in everything', async () => {
    const { config } = await cell({ method: { name: 'sat' } });
    expect(config).toMatchObject({
      version: 1,
      method: { name: 'sat', alpha: 0.9 },
      data: { name: 'digits', augment: false },
      model: { name: 'small-cnn' },
      optimizer: { name: 'sgd', learningRate: 0.1, momentum: 0.9, schedule: { name: 'cosine' } },
      batchSize: 128,
      runtime: 'auto',
      device: 'auto',
    });
    expect(config.data.noise).toBeUndefined();
  });

  it('are the same for an empty file and for no file', async () => {
    expect((await cell({})).config).toEqual(resolveConfig({}));
  });

  it('are a layer: an option alone belongs to the default choice', async () => {
    expect((await cell({ method: { alpha: 0.5 } })).config.method).toMatchObject({ name: 'sat', alpha: 0.5 });
    expect((await cell({ optimizer: { learningRate: 0.3 } })).config.optimizer).toMatchObject({
      name: 'sgd',
      learningRate: 0.3,
    });
    expect((await cell({ data: { limit: 7 } })).config.data).toMatchObject({ name: 'digits', limit: 7 });
    expect((await cell({}, ['method.alpha=0.25'])).config.method).toMatchObject({ name: 'sat', alpha: 0.25 });
  });

  it('are those of the choice that is made, not of the default one', async () => {
    const { optimizer } = (await cell({ optimizer: { name: 'adam' } })).config;
    expect(optimizer).toMatchObject({ name: 'adam', learningRate: 0.001, weightDecay: 0 });
    expect(optimizer.schedule).toEqual({ name: 'constant' });
  });

  it('resolveConfig throws at what is not sound', () => {
    expect(() => resolveConfig({ epochs: 0 })).toThrow(ZodError);
  });
});

describe('extends', () => {
  it('is weaker than the file, and merges along a chain of folders', async () => {
    await write('chain/deep/base.sat.json', { epochs: 7, batchSize: 16, data: { name: 'mnist', root: 'files' } });
    await write('chain/middle.sat.json', { extends: 'deep/base.sat.json', batchSize: 32, method: { alpha: 0.5 } });
    const file = await write('chain/top.sat.json', { extends: './middle.sat.json', seed: 4, data: { limit: 10 } });
    const result = await loadConfigFile(file);
    expect(result.ok && result.cells[0]?.config).toMatchObject({
      epochs: 7,
      batchSize: 32,
      seed: 4,
      method: { name: 'sat', alpha: 0.5 },
      data: { name: 'mnist', root: at('chain/deep/files'), limit: 10 },
    });
  });

  it('gives up options that the file’s own choice does not have', async () => {
    await write('noisy.sat.json', { method: { name: 'sat', alpha: 0.5, startEpoch: 2 }, epochs: 3 });
    const { config } = await cell({ extends: 'noisy.sat.json', method: { name: 'erm' } });
    expect(config.method).toEqual({ name: 'erm' });
    expect(config.epochs).toBe(3);
  });

  it('lets a null remove what it brings', async () => {
    await write('withNoise.sat.json', { data: { noise: { type: 'corrupted_label', rate: 0.4 } } });
    expect((await cell({ extends: 'withNoise.sat.json', data: { noise: null } })).config.data.noise).toBeUndefined();
  });

  it('takes over a sweep', async () => {
    await write('grid.sat.json', { sweep: { seed: [0, 1] } });
    expect((await cells({ extends: 'grid.sat.json' })).map(({ config }) => config.seed)).toEqual([0, 1]);
  });

  it('names a file that is missing', async () => {
    const [problem] = await problems({ extends: 'nowhere.sat.json' });
    expect(problem).toMatchObject({ path: 'extends' });
    expect(problem?.message).toContain('nowhere.sat.json could not be read');
  });

  it('breaks a circle', async () => {
    await write('circle/a.sat.json', { extends: 'b.sat.json' });
    const file = await write('circle/b.sat.json', { extends: 'a.sat.json' });
    const result = await loadConfigFile(file);
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.problems[0]).toMatchObject({ path: 'extends' });
    const own = await write('circle/self.sat.json', { extends: 'self.sat.json' });
    expect((await loadConfigFile(own)).ok).toBe(false);
  });

  it('names the file in the chain that is not JSON', async () => {
    await write('broken.sat.json', '{\n  "epochs": ,\n}');
    const [problem] = await problems({ extends: 'broken.sat.json' });
    expect(problem).toMatchObject({ file: at('broken.sat.json'), line: 1 });
  });

  it('must be a string', async () => {
    expect((await problems({ extends: 3 }))[0]).toMatchObject({ path: 'extends' });
  });

  it('takes a preset, under what the file says', async () => {
    const { config } = await cell({ extends: 'preset:digits-sat-small', method: { alpha: 0.8 }, epochs: 4 });
    expect(config).toMatchObject({
      method: { name: 'sat', alpha: 0.8, startEpoch: 3 },
      data: { name: 'digits', noise: { rate: 0.4 } },
      epochs: 4,
    });
    const [problem] = await problems({ extends: 'preset:nothing' });
    expect(problem).toMatchObject({ path: 'extends' });
    expect(problem?.message).toMatch(/no such preset.*digits-sat-small/);
  });
});

describe('paths to data', () => {
  const noise = { type: 'corrupted_label', rate: 0.4, file: 'saved/noise.json' };

  it('are relative to the file that they stand in', async () => {
    const { data } = (await cell({ data: { root: '../mnist', noise } })).config;
    expect(data.root).toBe(join(dirname(folder), 'mnist'));
    expect(data.noise?.file).toBe(at('saved/noise.json'));
  });

  it('are left alone when they are absolute', async () => {
    expect((await cell({ data: { root: '/data/mnist' } })).config.data.root).toBe('/data/mnist');
  });

  it('become absolute when they are set by hand', async () => {
    const { data } = (await cell({ data: { noise } }, ['data.root=mnist', 'data.noise.file=other.json'])).config;
    expect(data.root).toBe(at('mnist'));
    expect(data.noise?.file).toBe(at('other.json'));
  });

  it('become absolute when a sweep sets them', async () => {
    const all = await cells({ sweep: { 'data.root': ['a', '/b'] } });
    expect(all.map(({ config }) => config.data.root)).toEqual([at('a'), '/b']);
  });
});

describe('a sweep', () => {
  it('makes a cell of every combination, later keys fastest', async () => {
    const all = await cells({
      sweep: { method: [{ name: 'erm' }, { name: 'sat', alpha: 0.5 }], seed: [0, 1, 2] },
      epochs: 3,
    });
    expect(all.map(({ config }) => [config.method.name, config.seed, config.epochs])).toEqual([
      ['erm', 0, 3],
      ['erm', 1, 3],
      ['erm', 2, 3],
      ['sat', 0, 3],
      ['sat', 1, 3],
      ['sat', 2, 3],
    ]);
    expect(all[4]?.settings).toEqual({ method: { name: 'sat', alpha: 0.5 }, seed: 1 });
    expect(new Set(all.map(({ hash }) => hash)).size).toBe(6);
  });

  it('is stronger than the file and weaker than --set', async () => {
    const all = await cells({ epochs: 3, seed: 9, sweep: { seed: [0, 1] } }, ['epochs=5']);
    expect(all.map(({ config }) => [config.epochs, config.seed])).toEqual([
      [5, 0],
      [5, 1],
    ]);
    const same = await cells({ sweep: { seed: [0, 1] } }, ['seed=7']);
    expect(same.map(({ config }) => config.seed)).toEqual(expect.arrayContaining([7]));
  });

  it('tells the settings of a cell as they came out', async () => {
    const settings = async (sweep: object, byHand: string[] = []) =>
      (await cells({ sweep }, byHand)).map((one) => one.settings);
    // A start epoch is no option of ERM; of two values for it one cell comes out, twice.
    const grid = { 'method.startEpoch': [2, 3], 'method.name': ['sat', 'erm'] };
    const all = await cells({ sweep: grid });
    expect(all.map((one) => one.settings)).toEqual([
      { 'method.startEpoch': 2, 'method.name': 'sat' },
      { 'method.name': 'erm' },
      { 'method.startEpoch': 3, 'method.name': 'sat' },
      { 'method.name': 'erm' },
    ]);
    expect(new Set(all.map(({ hash }) => hash)).size).toBe(3);
    const noise = { type: 'symmetric', rate: 0.4 };
    expect(await settings({ 'data.noise': [noise, null], seed: [0, 1] }, ['seed=5'])).toEqual([
      { 'data.noise': noise, seed: 5 },
      { 'data.noise': noise, seed: 5 },
      { 'data.noise': null, seed: 5 },
      { 'data.noise': null, seed: 5 },
    ]);
    const methods = { method: [{ name: 'sat', alpha: 0.9 }, { name: 'erm' }], 'method.alpha': [0.5] };
    expect(await settings({ ...methods, 'method.name': ['sat'] })).toEqual([
      { method: { name: 'sat', alpha: 0.5 }, 'method.alpha': 0.5, 'method.name': 'sat' },
      { method: { name: 'sat' }, 'method.alpha': 0.5, 'method.name': 'sat' },
    ]);
  });

  it('gives a clean cell for a null', async () => {
    const noise = { type: 'corrupted_label', rate: 0.4 };
    const all = await cells({ data: { noise: { ...noise, rate: 0.1 } }, sweep: { 'data.noise': [null, noise] } });
    expect(all.map(({ config }) => config.data.noise)).toEqual([undefined, noise]);
  });

  it('says whether the file is one', async () => {
    const [one, many] = await Promise.all([parseConfig('{}', at('x')), parseConfig('{"sweep":{"seed":[1]}}', at('x'))]);
    expect(one).toMatchObject({ ok: true, isSweep: false });
    expect(many).toMatchObject({ ok: true, isSweep: true });
  });

  it('must be lists of values', async () => {
    for (const sweep of [{ seed: 3 }, { seed: [] }, [1], 'seed']) {
      expect((await problems({ sweep }))[0]?.path).toMatch(/^sweep/);
    }
  });

  it('names a wrong value in a cell', async () => {
    expect((await problems({ sweep: { 'data.validation': [0, 2] } }))[0]?.path).toBe('data.validation');
  });
});

describe('--set', () => {
  it('parses JSON, else takes the string', async () => {
    const settings = ['epochs=5', 'name=two words', 'data.augment=true', 'tags=["a","b"]', 'notes="5"'];
    expect((await cell({}, settings)).config).toMatchObject({
      epochs: 5,
      name: 'two words',
      data: { augment: true },
      tags: ['a', 'b'],
      notes: '5',
    });
  });

  it('keeps an equals sign in the value', async () => {
    expect((await cell({}, ['name=a=b'])).config.name).toBe('a=b');
  });

  it('lets the last one win, and removes with null', async () => {
    const { config } = await cell({ data: { limit: 3 } }, ['epochs=5', 'epochs=6', 'data.limit=null']);
    expect(config.epochs).toBe(6);
    expect(config.data.limit).toBeUndefined();
  });

  it('changes a name and with it the options', async () => {
    const { config } = await cell({ method: { name: 'sat', alpha: 0.5 } }, ['method.name=erm']);
    expect(config.method).toEqual({ name: 'erm' });
  });

  it('is checked like the file', async () => {
    expect((await problems({}, ['epochs=many']))[0]).toMatchObject({ path: 'epochs' });
    expect((await problems({}, ['epoch=5']))[0]?.message).toContain('Did you mean epochs?');
  });
});

describe('a message', () => {
  it('names line and column of what is not JSON', async () => {
    const [problem] = await problems('{\n  "epochs": 4\n  "seed": 1\n}');
    expect(problem).toMatchObject({ file: at('unsaved.sat.json'), path: '', line: 2, column: 2 });
    expect(formatProblem(problem!)).toMatch(/unsaved\.sat\.json:3:3: is not JSON here: /);
  });

  it('takes comments and trailing commas for what they are', async () => {
    expect(await problems('{ // no\n}')).toHaveLength(1);
    expect(await problems('{ "epochs": 3, }')).toHaveLength(1);
    expect(await problems('')).toHaveLength(1);
    expect(await problems('[1]')).toMatchObject([{ message: 'expected a JSON object' }]);
  });

  it('names a file that cannot be read', async () => {
    const result = await loadConfigFile(at('none.sat.json'));
    expect(result).toMatchObject({ ok: false, problems: [{ file: at('none.sat.json'), path: '' }] });
    expect(!result.ok && result.problems[0]?.message).toContain('could not be read');
  });

  it('suggests a known key for an unknown one, and says where', async () => {
    const [problem] = await problems('{\n  "optimizer": {\n    "learningRat": 0.1, "name": "sgd"\n  }\n}');
    expect(problem).toMatchObject({ path: 'optimizer.learningRat', line: 2 });
    expect(problem?.message).toContain('Did you mean learningRate?');
    expect((await problems({ epoch: 3 }))[0]?.message).toContain('Did you mean epochs?');
    expect((await problems({ method: { name: 'sat', startEpochs: 3 } }))[0]?.message).toContain('startEpoch');
    expect((await problems({ somethingElse: 3 }))[0]?.message).toBe('is not known here');
  });

  it.each([
    [{ epochs: 'ten' }, 'epochs', /expected a number, found "ten"/],
    [{ epochs: 2.5 }, 'epochs', /whole number.*2\.5/],
    [{ epochs: 0 }, 'epochs', /at least 1, found 0/],
    [{ data: { name: 'digits', validation: 1 } }, 'data.validation', /less than 1, found 1/],
    [{ data: { name: 'digits', augment: 'yes' } }, 'data.augment', /a boolean or an object, found "yes"/],
    [{ data: { name: 'digits', augment: { flop: true } } }, 'data.augment.flop', /Did you mean flip/],
    [{ data: { name: 'digits', augment: { rotation: 200 } } }, 'data.augment.rotation', /at most 180, found 200/],
    [{ data: { name: 'digits', noise: { type: 'corrupted_label', rate: 1.4 } } }, 'data.noise.rate', /at most 1/],
    [{ data: { name: 'digits', noise: { type: 'corrupted_label', rate: -0.1 } } }, 'data.noise.rate', /at least 0/],
    [
      { data: { name: 'digits', noise: { type: 'corrupted_label' } } },
      'data.noise.rate',
      /^missing, expected a number, or a saved noise\.json as file$/,
    ],
    [
      { data: { name: 'digits', noise: { type: 'asymmetric', rate: 0.4, map: { cat: 5 } } } },
      'data.noise.map.cat',
      /expected the number of a class/,
    ],
    [{ model: { name: 'wrn', depth: 30 } }, 'model.depth', /expected 6n \+ 4/],
    [{ optimizer: { name: 'sgd', learningRate: 0 } }, 'optimizer.learningRate', /more than 0, found 0/],
    [{ method: { name: 'stas' } }, 'method.name', /"erm" or "sat".*found "stas"/],
    [{ runtime: 'cuda' }, 'runtime', /"auto" or "tensorflow" or "wasm", found "cuda"/],
    [{ method: 'sat' }, 'method', /found "sat"/],
    [{ tags: 'one' }, 'tags', /expected an array, found "one"/],
    [{ name: 3 }, 'name', /expected a string, found 3/],
  ])('says what was expected and found: %j', async (content, path, message) => {
    const found = await problems(content);
    expect(found.map((problem) => problem.path)).toContain(path);
    expect(found.find((problem) => problem.path === path)?.message).toMatch(message);
  });

  it('knows which problems a JSON Schema cannot tell of', async () => {
    const [depth] = await problems({ model: { name: 'wrn', depth: 30 } });
    expect(depth?.fromSchema).toBeUndefined();
    expect((await problems({ epochs: 0 }))[0]?.fromSchema).toBe(true);
  });

  it('names a metric that would choose the best checkpoint and is not measured, and those that are', async () => {
    const text = '{\n  "method": { "name": "erm" },\n  "checkpoint": { "best": "sat/label_recovery" }\n}';
    const [problem] = await problems(text);
    expect(problem).toMatchObject({ path: 'checkpoint.best', line: 2 });
    expect(problem?.message).toMatch(
      /no metric sat\/label_recovery\. Choose one of test\/loss, test\/accuracy, .*, or none/,
    );
    expect(await problems(text, ['method.name=sat'])).toEqual([]);
    expect(await problems(text, ['checkpoint.best=none'])).toEqual([]);
    const byHand = await problems(text, ['checkpoint.best=val/accuracy']);
    expect(byHand).toMatchObject([
      { path: 'checkpoint.best', message: expect.stringContaining('val/accuracy') as string },
    ]);
    expect(byHand[0]?.line).toBeUndefined();
    expect(await problems(text, ['checkpoint.best=val/accuracy', 'data.validation=0.1'])).toEqual([]);
  });

  it('tells of a newer version alone', async () => {
    const found = await problems({ version: 2, novelty: true });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ path: 'version' });
    expect(found[0]?.message).toMatch(/version 2.*Update SAT Lab/);
  });

  it('tells of every wrong key at once', async () => {
    expect((await problems({ epochs: 0, seed: -1, foo: 1 })).map(({ path }) => path).sort()).toEqual([
      'epochs',
      'foo',
      'seed',
    ]);
  });

  it('never throws, whatever the file holds', async () => {
    const odd = [
      'null',
      '3',
      '"x"',
      '{"method":[]}',
      '{"data":null}',
      '{"sweep":null}',
      '{"__proto__":{"a":1}}',
      '{"a":',
    ];
    for (const text of odd) await expect(parseConfig(text, at('odd.sat.json'))).resolves.toHaveProperty('ok');
  });
});

describe('the hash of a cell', () => {
  it('ignores name, notes and tags, and the order of keys', async () => {
    const plain = await cell({ epochs: 3, seed: 1 });
    const named = await cell({ seed: 1, epochs: 3, name: 'a', notes: 'b', tags: ['c'] });
    expect(named.hash).toBe(plain.hash);
    expect(plain.hash).toMatch(/^[0-9a-f]{16}$/);
    expect(cellHash(plain.config)).toBe(plain.hash);
  });

  it('is the same for a default and for the same value written out', async () => {
    expect((await cell({ epochs: 40, method: { name: 'sat', alpha: 0.9 } })).hash).toBe((await cell({})).hash);
  });

  it('knows an attack by the step size that it takes, given or not', async () => {
    const hash = async (attack: object) => (await cell({ evaluate: { attacks: [{ name: 'pgd20', ...attack }] } })).hash;
    expect(await hash({})).toBe(await hash({ stepSize: 0.003 }));
    expect(await hash({ epsilon: 0.1 })).toBe(await hash({ epsilon: 0.1, stepSize: 0.0125 }));
    expect(await hash({ epsilon: 0.1 })).not.toBe(await hash({ epsilon: 0.1, stepSize: 0.003 }));
  });

  it('changes with anything else', async () => {
    const hashes = await Promise.all(
      [{}, { seed: 1 }, { method: { name: 'erm' } }, { data: { name: 'digits', limit: 5 } }].map((content) =>
        cell(content),
      ),
    );
    expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(4);
  });
});
