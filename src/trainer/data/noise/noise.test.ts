import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { encodeNpy } from '../../../formats/npy';
import { decodeSafetensors } from '../../../formats/safetensors';
import { NumpyRandom } from '../../random';
import type { NoiseConfig } from '../../../protocol/data';
import { messageOf } from '../../../protocol/errors';
import { applyNoise, type NoiseData } from '.';
import { loadDataSet } from '../registry';
import { transition } from './instanceDependent';
import { transitionMatrix, trueErrorRate } from './statistics';

const folder = mkdtempSync(join(tmpdir(), 'noise-'));
afterAll(() => rmSync(folder, { recursive: true }));

const parity = join(__dirname, '../../../../test/parity');
const read = (name: string) => decodeSafetensors(readFileSync(join(parity, name)), name).tensors;
const integers = (tensors: ReturnType<typeof read>, name: string): Int32Array => {
  const data = tensors.get(name)?.data;
  if (!(data instanceof Int32Array)) throw new Error(`no integers ${name}`);
  return data;
};

const labels = integers(read('digits.safetensors'), 'labels').slice(0, 1437);
const tensors = read('noise/tensors.safetensors');
const entries = z
  .array(
    z.object({
      key: z.string(),
      n_wrong: z.int(),
      seed: z.int(),
      rate: z.number(),
      sha256_labels_int64_le: z.string(),
      sha256_index_label_pairs_int64_le: z.string(),
      first_16_drawn_indices: z.array(z.int()),
      first_16_drawn_labels: z.array(z.int()),
    }),
  )
  .parse(
    (
      JSON.parse(readFileSync(join(parity, 'noise/case.json'), 'utf8')) as { entries: { key: string }[] }
    ).entries.filter(({ key }) => key.startsWith('C10/')),
  );

/** As NumPy hashes an int64 array. */
const sha256 = (numbers: ArrayLike<number>) =>
  createHash('sha256')
    .update(BigInt64Array.from(Array.from(numbers, BigInt)))
    .digest('hex');

const pairs = ({ indices, given }: { indices: number[]; given: number[] }) =>
  indices.flatMap((index, i) => [index, given[i] ?? 0]);

/** Labels and nothing else. */
const dataOf = (trueLabels: Int32Array, classes = 10, name = 'digits'): NoiseData => ({
  name,
  classNames: Array.from({ length: classes }, (_, i) => String(i)),
  shape: [8, 8, 1],
  pixelScale: 16,
  normalization: { mean: [0], std: [1] },
  train: { images: new Uint8Array(), labels: trueLabels },
});

/** Noise on labels, and its record. */
function drawOn(data: NoiseData, config: NoiseConfig) {
  const { given, record } = applyNoise(data, config, 0);
  if (!('given' in record)) throw new Error('not a record of label noise');
  return { given, record };
}

const draw = (rate: number, seed: number) => drawOn(dataOf(labels), { type: 'corrupted_label', rate, seed });

describe('corrupted_label', () => {
  it('is tested on all of the authors’ draws', () => expect(entries).toHaveLength(12));

  it.each(entries)('draws $key as the authors’ code', (entry) => {
    const { given, record } = draw(entry.rate, entry.seed);
    expect(given).toEqual(integers(tensors, `labels/${entry.key}`));
    expect(record).toMatchObject({ type: 'corrupted_label', rate: entry.rate, seed: entry.seed, count: entry.n_wrong });
    expect(sha256(given)).toBe(entry.sha256_labels_int64_le);
    expect(sha256(pairs(record))).toBe(entry.sha256_index_label_pairs_int64_le);
    const drawn = new NumpyRandom(entry.seed).choice(labels.length, 16, false);
    expect([...drawn]).toEqual(entry.first_16_drawn_indices);
    expect([...drawn].map((i) => given[i])).toEqual(entry.first_16_drawn_labels);
  });

  it('contains the noise of a lower rate in that of a higher one', () => {
    const higher = draw(0.8, 1).given;
    const { record } = draw(0.2, 1);
    expect(record.indices.map((i) => higher[i])).toEqual(record.given);
  });

  it.each([
    [0, 0],
    [1, 1437],
  ])('at rate %f draws %i samples', (rate, drawn) => {
    const { given, record } = draw(rate, 0);
    expect(record.count).toBeLessThanOrEqual(drawn);
    expect(trueErrorRate(labels, given)).toBeCloseTo(rate * 0.9, 1);
  });

  it('leaves the true labels alone', () => {
    const before = labels.slice();
    draw(0.4, 0);
    expect(labels).toEqual(before);
  });
});

describe('other label noises that are drawn', () => {
  const types = ['symmetric', 'pair_flip', 'asymmetric'] as const;
  const map = { 9: 1, 3: 5, 5: 3 };
  const config = (type: (typeof types)[number], rate: number, seed = 0): NoiseConfig =>
    type === 'asymmetric' ? { type, rate, seed, map } : { type, rate, seed };

  it.each(types)('%s contains the noise of a lower rate in that of a higher one', (type) => {
    const higher = drawOn(dataOf(labels), config(type, 0.8)).given;
    const { record } = drawOn(dataOf(labels), config(type, 0.2));
    expect(record.count).toBeGreaterThan(50);
    expect(record.indices.map((i) => higher[i])).toEqual(record.given);
  });

  it.each(types)('%s depends on its seed, and leaves the true labels alone', (type) => {
    const before = labels.slice();
    const { given } = drawOn(dataOf(labels), config(type, 0.4));
    expect(drawOn(dataOf(labels), config(type, 0.4)).given).toEqual(given);
    expect(drawOn(dataOf(labels), config(type, 0.4, 1)).given).not.toEqual(given);
    expect(labels).toEqual(before);
  });

  it('symmetric never draws the true class, and every other one alike', () => {
    const many = Int32Array.from({ length: 20_000 }, (_, i) => i % 4);
    const { record } = drawOn(dataOf(many, 4), { type: 'symmetric', rate: 0.6, seed: 0 });
    expect(record.count).toBe(12_000);
    expect(record.trueErrorRate).toBe(0.6);
    record.transitionMatrix?.forEach((row, i) =>
      row.forEach((share, j) => expect(share).toBeCloseTo(i === j ? 0.4 : 0.2, 1)),
    );
  });

  it('pair_flip gives the next class, and the first after the last', () => {
    const { record } = drawOn(dataOf(labels), { type: 'pair_flip', rate: 0.45, seed: 0 });
    expect(record.count).toBe(Math.trunc(0.45 * 1437));
    record.indices.forEach((index, i) => expect(record.given[i]).toBe(((labels[index] ?? 0) + 1) % 10));
    expect(record.true).toContain(9);
  });

  it.each(['cifar10', 'cifar-10'])('asymmetric has the usual pairs of %s, in a share of each class', (name) => {
    const many = Int32Array.from({ length: 1000 }, (_, i) => i % 10);
    const { record } = drawOn(dataOf(many, 10, name), { type: 'asymmetric', rate: 0.4, seed: 0 });
    const pairs: Record<number, number> = { 9: 1, 2: 0, 4: 7, 3: 5, 5: 3 };
    expect(record.trueErrorRate).toBe(0.2);
    record.transitionMatrix?.forEach((row, i) => {
      const expected = row.map(() => 0);
      expected[i] = i in pairs ? 0.6 : 1;
      if (i in pairs) expected[pairs[i] ?? 0] = 0.4;
      expect(row).toEqual(expected);
    });
  });

  it('asymmetric turns each class of CIFAR-100 into the next of its five', () => {
    const many = Int32Array.from({ length: 1000 }, (_, i) => i % 100);
    const { record } = drawOn(dataOf(many, 100, 'cifar100'), { type: 'asymmetric', rate: 0.3, seed: 0 });
    expect(record.count).toBe(300);
    const targets = new Map(record.true.map((label, i) => [label, record.given[i]]));
    expect([0, 3, 4, 95, 99].map((label) => targets.get(label))).toEqual([1, 4, 0, 96, 95]);
  });

  it('asymmetric asks for a map where there is no usual one, and checks it', () => {
    expect(() => drawOn(dataOf(labels), { type: 'asymmetric', rate: 0.4 })).toThrow(
      /data\.noise\.map: missing.*digits/,
    );
    const wrong = { type: 'asymmetric', rate: 0.4, map: { 3: 10 } } as const;
    expect(() => drawOn(dataOf(labels), wrong)).toThrow('data.noise.map: there is no class 10, expected 0 to 9');
  });
});

describe('instance_dependent', () => {
  it('keeps 1 − q for the true class, and gives the others q · softmax of their scores', () => {
    // Without the second class: weights 1, 2 and 5 of 8.
    const probabilities = transition(Float64Array.of(0, 99, Math.log(2), Math.log(5)), 1, 0.4);
    [0.05, 0.6, 0.1, 0.25].forEach((p, i) => expect(probabilities[i]).toBeCloseTo(p, 12));
  });

  const images = read('digits.safetensors').get('images')?.data;
  if (!(images instanceof Float32Array)) throw new Error('no images');
  const bytes = Uint8Array.from(images.subarray(0, 1437 * 64), (value) => value * 16);
  const data = { ...dataOf(labels), train: { labels, images: bytes } };
  const noise = (rate: number, seed: number) => drawOn(data, { type: 'instance_dependent', rate, seed });

  it.each([0.2, 0.4])('at rate %f makes about that share wrong', (rate) => {
    expect(noise(rate, 0).record.trueErrorRate).toBeCloseTo(rate, 1);
  });

  it('gives the same image of the same class the same wrong label, whichever sample it is', () => {
    // With one image for all samples, each class has one row of probabilities; at this seed the scores are
    // far enough apart for one wrong class to take everything.
    const image = bytes.subarray(0, 64);
    const same = new Uint8Array(1437 * 64);
    for (let i = 0; i < 1437; i += 1) same.set(image, i * 64);
    const { record } = drawOn(
      { ...data, train: { labels, images: same } },
      { type: 'instance_dependent', rate: 0.4, seed: 2 },
    );
    for (let label = 0; label < 10; label += 1) {
      const wrong = new Set(record.given.filter((_, i) => record.true[i] === label));
      expect(wrong.size, `class ${label}`).toBe(1);
    }
  });

  it('depends on the image, so that a class is mistaken for more than one other', () => {
    const { record } = noise(0.4, 0);
    for (let label = 0; label < 10; label += 1) {
      expect(new Set(record.given.filter((_, i) => record.true[i] === label)).size).toBeGreaterThan(1);
    }
    expect(noise(0.4, 0).record).toEqual(record);
    expect(noise(0.4, 1).record).not.toEqual(record);
  });
});

describe('label_file', () => {
  const given = labels.map((label, i) => (i % 3 === 0 ? (label + 1) % 10 : label));
  const file = (name: string, content: string | Uint8Array) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const apply = (path: string, key?: string) =>
    drawOn(dataOf(labels), { type: 'label_file', file: path, ...(key === undefined ? {} : { key }) });

  it.each([
    ['text', () => file('labels.txt', [...given].join('\r\n') + '\n'), undefined],
    ['.npy', () => file('labels.npy', encodeNpy({ shape: [given.length], data: given })), undefined],
    ['a JSON list', () => file('labels.json', JSON.stringify([...given])), undefined],
    [
      'a JSON file with several lists',
      () => file('human.json', JSON.stringify({ clean_label: [...labels], worse_label: [...given] })),
      'worse_label',
    ],
  ])('reads %s', (_what, path, key) => {
    const noise = apply(path(), key);
    expect(noise.given).toEqual(given);
    expect(noise.record).toMatchObject({ type: 'label_file', count: 479, trueErrorRate: 479 / 1437 });
    expect(noise.record).not.toHaveProperty('seed');
  });

  it('reads CIFAR-N’s own files, lists by name in what torch.save wrote', () => {
    const eight = dataOf(Int32Array.of(0, 1, 2, 0, 1, 2, 0, 1), 3);
    const human = Buffer.from(
      'UEsDBBQAAAAAAAAAIQA+RPGSywEAAMsBAAAQAAAAYXJjaGl2ZS9kYXRhLnBrbIACfXEAKFgLAAAAY2xlYW5fbGFiZWxxAWNudW1weS5fY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAmNudW1weQpuZGFycmF5CnEDSwCFcQRjX2NvZGVjcwplbmNvZGUKcQVYAQAAAGJxBlgGAAAAbGF0aW4xcQeGcQhScQmHcQpScQsoSwFLCIVxDGNudW1weQpkdHlwZQpxDVgCAAAAaThxDomIh3EPUnEQKEsDWAEAAAA8cRFOTk5K/////0r/////SwB0cRJiiWgFWEAAAAAAAAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAcRNoB4ZxFFJxFXRxFmJYCwAAAHdvcnNlX2xhYmVscRdoAmgDSwCFcRhoCYdxGVJxGihLAUsIhXEbaBCJaAVYQAAAAAAAAAAAAAAAAQAAAAAAAAACAAAAAAAAAAEAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgAAAAAAAABxHGgHhnEdUnEedHEfYlgGAAAAY29hcnNlcSBdcSEoSwBLAUsCSwFLAUsASwBLAmV1LlBLAwQUAAAAAAAAACEA0Z5nVQIAAAACAAAADwAAAGFyY2hpdmUvdmVyc2lvbjMKUEsBAhQDFAAAAAAAAAAhAD5E8ZLLAQAAywEAABAAAAAAAAAAAAAAAIABAAAAAGFyY2hpdmUvZGF0YS5wa2xQSwECFAMUAAAAAAAAACEA0Z5nVQIAAAACAAAADwAAAAAAAAAAAAAAgAH5AQAAYXJjaGl2ZS92ZXJzaW9uUEsFBgAAAAACAAIAewAAACgCAAAAAA==',
      'base64',
    );
    const path = file('human.pt', human);
    for (const key of ['worse_label', 'coarse']) {
      const noise = drawOn(eight, { type: 'label_file', file: path, key });
      expect([...noise.given]).toEqual([0, 1, 2, 1, 1, 0, 0, 2]);
      expect(noise.record.trueErrorRate).toBe(3 / 8);
    }
    const missing = { type: 'label_file', file: path, key: 'worst' } as const;
    expect(() => drawOn(eight, missing)).toThrow('one of clean_label, worse_label, coarse');
    expect(() => drawOn(eight, { ...missing, file: file('other.pt', 'hello') })).toThrow('not a file of torch.save');
  });

  it.each([
    ['too few labels', () => file('a.txt', '1\n2\n'), undefined, 'has 2 labels, the training set 1437 samples'],
    [
      'a word',
      () => file('b.txt', [...given].join('\n').replace('5', 'five')),
      undefined,
      /sample \d+ has the label NaN/,
    ],
    [
      'an unknown class',
      () => file('c.txt', [...given].join('\n').replace('9', '10')),
      undefined,
      /the label 10, expected 0 to 9/,
    ],
    [
      'another order',
      () => file('d.json', JSON.stringify({ clean_label: [...labels].reverse(), noisy_label: [...given] })),
      'noisy_label',
      'in another order than the data',
    ],
    [
      'an unknown key',
      () => file('e.json', JSON.stringify({ worse_label: [...given] })),
      'worst',
      'one of worse_label',
    ],
    ['no key', () => file('f.json', JSON.stringify({ worse_label: [...given] })), undefined, 'found nothing'],
    ['a key of one list', () => file('g.json', JSON.stringify([...given])), 'worse_label', 'Remove the key'],
    ['other JSON', () => file('h.json', '3'), undefined, 'expected a list of labels'],
    [
      'two dimensions',
      () => file('i.npy', encodeNpy({ shape: [1, given.length], data: given })),
      undefined,
      'one dimension',
    ],
    ['no file', () => join(folder, 'none.txt'), undefined, 'Check data.noise.file'],
  ])('refuses %s', (_what, path, key, message) => {
    const name = path();
    expect(() => apply(name, key)).toThrow(message);
    expect(() => apply(name, key)).toThrow(name);
  });
});

describe('what came out', () => {
  it('trueErrorRate and transitionMatrix', () => {
    const given = Int32Array.of(0, 1, 1, 1);
    expect(trueErrorRate(Int32Array.of(0, 0, 1, 1), given)).toBe(0.25);
    expect(transitionMatrix(Int32Array.of(0, 0, 1, 1), given, 3)).toEqual([
      [0.5, 0.5, 0],
      [0, 1, 0],
      [0, 0, 0],
    ]);
  });
});

describe('saved noise', () => {
  const file = join(folder, 'noise.json');
  const saved = { type: 'corrupted_label', seed: 9, file } as const;
  const { given, record } = draw(0.4, 0);

  it('gives the same labels again', () => {
    writeFileSync(file, JSON.stringify(record));
    expect(drawOn(dataOf(labels), saved)).toEqual({ given, record });
  });

  it('has a rate of its own, which one given besides must not contradict', () => {
    writeFileSync(file, JSON.stringify(record));
    expect(drawOn(dataOf(labels), { ...saved, rate: 0.4 }).given).toEqual(given);
    expect(() => drawOn(dataOf(labels), { ...saved, rate: 0 })).toThrow(
      `data.noise.rate: 0, but the noise in ${file} was drawn at 0.4. Leave the rate out`,
    );
  });

  it('need not have the statistics, which older files lack', () => {
    const { trueErrorRate: _rate, transitionMatrix: _matrix, ...older } = record;
    writeFileSync(file, JSON.stringify(older));
    expect(drawOn(dataOf(labels), saved).record).toEqual(record);
  });

  it.each([
    ['a later version', { ...record, version: 2 }, 'newer version'],
    ['lists of different length', { ...record, given: record.given.slice(1) }, '`count` entries'],
    ['a wrong value', { ...record, indices: record.indices.map(() => -1) }, 'indices.0'],
    ['other labels', { ...record, true: record.true.map((label) => (label + 1) % 10) }, 'belongs to other data'],
    ['a larger data set', { ...record, indices: record.indices.map((i) => i + 1437) }, 'only 1437 samples'],
    ['another type', { ...record, type: 'symmetric' }, 'holds noise of type symmetric, not corrupted_label'],
    ['a class that is not there', { ...record, given: record.given.map(() => 10) }, 'expected 0 to 9'],
  ])('refuses %s', (_, wrong, message) => {
    writeFileSync(file, JSON.stringify(wrong));
    const apply = () => applyNoise(dataOf(labels), saved, 0);
    expect(apply).toThrow(message);
    expect(apply).toThrow(file);
  });

  it('refuses a file that is not there or not JSON', () => {
    const apply = (name: string) => () => applyNoise(dataOf(labels), { ...saved, file: join(folder, name) }, 0);
    expect(apply('none.json')).toThrow('none.json');
    writeFileSync(file, '{');
    expect(apply('noise.json')).toThrow('Check data.noise.file');
  });
});

/** The authors' noise on CIFAR: wrong labels, and how the SHA-256 of their (index, label) pairs begins. */
const cifar: [string, number, number, number, number, string][] = [
  ['CIFAR-10', 10, 0.1667, 0, 7556, 'e5c991ae527ba886'],
  ['CIFAR-10', 10, 0.1667, 1, 7474, '1852a7d1937acae6'],
  ['CIFAR-10', 10, 0.1667, 42, 7522, '4350e828be3fe185'],
  ['CIFAR-10', 10, 0.2, 0, 9072, '421b8059f66b41f2'],
  ['CIFAR-10', 10, 0.2, 1, 8970, '52a43433798a7a55'],
  ['CIFAR-10', 10, 0.2, 42, 9038, '076eb94c857e95bb'],
  ['CIFAR-10', 10, 0.4, 0, 18138, 'e54d7e9da19bee5a'],
  ['CIFAR-10', 10, 0.4, 1, 17938, 'a4db21aa5b9bc751'],
  ['CIFAR-10', 10, 0.4, 42, 18030, 'e371383780307369'],
  ['CIFAR-10', 10, 0.6, 0, 27193, 'cb43cbde17392048'],
  ['CIFAR-10', 10, 0.6, 1, 26960, '80c63ad4c612da56'],
  ['CIFAR-10', 10, 0.6, 42, 27045, 'a45eb71645830510'],
  ['CIFAR-10', 10, 0.8, 0, 36244, '6572e3223af86a78'],
  ['CIFAR-10', 10, 0.8, 1, 35979, '46d97034492bc8e1'],
  ['CIFAR-10', 10, 0.8, 42, 36036, 'c4d57ff1bc9165d2'],
  ['CIFAR-100', 100, 0.2, 0, 9907, 'bfcb031671ff06f0'],
  ['CIFAR-100', 100, 0.2, 1, 9891, 'e0fb58fe8b12dd15'],
  ['CIFAR-100', 100, 0.2, 42, 9905, '56399c0803a17ee0'],
  ['CIFAR-100', 100, 0.4, 0, 19801, 'bf45f8f4fac0b799'],
  ['CIFAR-100', 100, 0.4, 1, 19785, '9c5d615423883e95'],
  ['CIFAR-100', 100, 0.4, 42, 19804, '7930415a271375e7'],
  ['CIFAR-100', 100, 0.6, 0, 29697, '30816d89e3ab4084'],
  ['CIFAR-100', 100, 0.6, 1, 29681, '6d296d7a8095c797'],
  ['CIFAR-100', 100, 0.6, 42, 29699, '3bf37459ec18b030'],
  ['CIFAR-100', 100, 0.8, 0, 39587, '40edab3ca7b2ecc2'],
  ['CIFAR-100', 100, 0.8, 1, 39591, '6e9c568360924d0e'],
  ['CIFAR-100', 100, 0.8, 42, 39591, '3ed853d2a91534f9'],
];

const root = process.env['SAT_CIFAR_ROOT'];

/** The training labels of the real data set, or why they are not there. */
async function cifarLabels(name: 'cifar10' | 'cifar100'): Promise<Int32Array | string> {
  if (root === undefined) return 'SAT_CIFAR_ROOT is not set';
  return loadDataSet(name, { root, mediaFolder: '' }).then(({ train }) => train.labels, messageOf);
}

const cifarSets = { 'CIFAR-10': await cifarLabels('cifar10'), 'CIFAR-100': await cifarLabels('cifar100') };
describe.each(Object.entries(cifarSets))('corrupted_label on %s', (name, trueLabels) => {
  const reason = typeof trueLabels === 'string' ? ` (skipped: ${trueLabels})` : '';
  it.skipIf(reason !== '').each(cifar.filter(([set]) => set === name))(
    `%s, %i classes, rate %f, seed %i: %i wrong labels, SHA-256 %s…${reason}`,
    (_, classes, rate, seed, wrong, hash) => {
      const noise = drawOn(dataOf(trueLabels as Int32Array, classes), { type: 'corrupted_label', rate, seed });
      expect(noise.record.count).toBe(wrong);
      expect(sha256(pairs(noise.record)).slice(0, 16)).toBe(hash);
    },
  );
});
