import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { decodeSafetensors } from '../../../formats/safetensors';
import { NumpyRandom } from '../../random';
import { applyNoise, drawLabelNoise, transitionMatrix, trueErrorRate } from '.';

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

const draw = (rate: number, seed: number) =>
  drawLabelNoise({ type: 'corrupted_label', labels, classes: 10, rate, seed });

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
  const saved = { type: 'corrupted_label', rate: 0, seed: 9, file } as const;
  const { given, record } = draw(0.4, 0);

  it('gives the same labels again', () => {
    writeFileSync(file, JSON.stringify(record));
    expect(applyNoise(labels, 10, saved)).toEqual({ given, record });
  });

  it.each([
    ['a later version', { ...record, version: 2 }, 'newer version'],
    ['lists of different length', { ...record, given: record.given.slice(1) }, '`count` entries'],
    ['a wrong value', { ...record, indices: record.indices.map(() => -1) }, 'indices.0'],
    ['other labels', { ...record, true: record.true.map((label) => (label + 1) % 10) }, 'belongs to other data'],
    ['a larger data set', { ...record, indices: record.indices.map((i) => i + 1437) }, 'only 1437 samples'],
    ['a class that is not there', { ...record, given: record.given.map(() => 10) }, 'expected 0 to 9'],
  ])('refuses %s', (_, wrong, message) => {
    writeFileSync(file, JSON.stringify(wrong));
    const apply = () => applyNoise(labels, 10, saved);
    expect(apply).toThrow(message);
    expect(apply).toThrow(file);
  });

  it('refuses a file that is not there or not JSON', () => {
    expect(() => applyNoise(labels, 10, { ...saved, file: join(folder, 'none.json') })).toThrow('none.json');
    writeFileSync(file, '{');
    expect(() => applyNoise(labels, 10, saved)).toThrow('Check data.noise.file');
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

/** The binary version of CIFAR: records of one (10) or two (100: coarse, fine) label bytes and 3,072 pixels. */
const cifarFiles: Record<string, { files: string[]; labelBytes: number }> = {
  'CIFAR-10': {
    files: [1, 2, 3, 4, 5].map((n) => join('cifar-10-batches-bin', `data_batch_${n}.bin`)),
    labelBytes: 1,
  },
  'CIFAR-100': { files: [join('cifar-100-binary', 'train.bin')], labelBytes: 2 },
};

function cifarLabels(root: string, name: string): Int32Array {
  const { files, labelBytes } = cifarFiles[name]!;
  const size = labelBytes + 3072;
  return Int32Array.from(
    files.flatMap((file) => {
      const bytes = readFileSync(join(root, file));
      return Array.from({ length: bytes.length / size }, (_, i) => bytes[i * size + labelBytes - 1]!);
    }),
  );
}

const root = process.env['SAT_CIFAR_ROOT'];
describe.each(Object.keys(cifarFiles))('corrupted_label on %s', (name) => {
  const there = root !== undefined && cifarFiles[name]!.files.every((file) => existsSync(join(root, file)));
  const reason = there ? '' : ` (skipped: SAT_CIFAR_ROOT names no folder with ${cifarFiles[name]!.files[0]})`;
  it.skipIf(!there).each(cifar.filter(([set]) => set === name))(
    `%s, %i classes, rate %f, seed %i: %i wrong labels, SHA-256 %s…${reason}`,
    (_, classes, rate, seed, wrong, hash) => {
      const trueLabels = cifarLabels(root ?? '', name);
      const noise = drawLabelNoise({ type: 'corrupted_label', labels: trueLabels, classes, rate, seed });
      expect(noise.record.count).toBe(wrong);
      expect(sha256(pairs(noise.record)).slice(0, 16)).toBe(hash);
    },
  );
});
