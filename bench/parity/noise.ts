import * as z from 'zod';
import { applyNoise } from '../../src/trainer/data/noise';
import { inMemory } from '../../src/trainer/data/streamedImages';
import { NumpyRandom } from '../../src/trainer/random';
import { largestDifference, readDigits, type Check, type Fixture } from './fixture';

const labelNoise = z.object({ key: z.string(), n: z.int(), classes: z.int(), seed: z.int(), rate: z.number() });
const generator = z.object({
  key: z.string().regex(/^mt19937\/seed\d+$/),
  n: z.int(),
  first_8_uint32: z.array(z.int()),
  permutation_1437_first_16: z.array(z.int()),
});
const scalarsSchema = z.object({ entries: z.array(z.union([generator, labelNoise])) });

const imageNoises = z.object({ rate: z.number(), entries: z.array(z.object({ key: z.string() })) });
const imageNoiseType = z.enum(['Gaussian', 'random_pixels', 'shuffled_pixels']);
/** The authors' constants of CIFAR, which their Gaussian noise has. */
const normalization = { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] };

/** Draws the authors' image noise again; every pixel must be the same. */
export function replayImageNoise(fixture: Fixture): Check[] {
  const images = fixture.bytes('images_nhwc');
  const [n = 0, height = 0, width = 0, channels = 0] = fixture.shape('images_nhwc');
  const data = {
    name: fixture.name,
    classNames: ['any'],
    shape: [height, width, channels] as const,
    pixelScale: 255,
    normalization,
    train: { images, labels: new Int32Array(n) },
  };
  const { rate, entries } = fixture.scalars(imageNoises);
  return entries.flatMap(({ key }) => {
    const [name, seed] = key.split('/seed');
    const noise = applyNoise(data, { type: imageNoiseType.parse(name), rate, seed: Number(seed) }, 0);
    return [
      { what: `${key} indices`, actual: noise.record.indices, expected: fixture.integers(`${key}/indices`) },
      {
        what: `${key} images`,
        actual: inMemory(noise.images, 'parity'),
        expected: fixture.bytes(`${key}/images_nhwc`),
      },
    ].map(({ what, actual, expected }) => ({ what, deviation: largestDifference(actual, expected), tolerance: 0 }));
  });
}

/** Draws the authors' label noise again; every label, and every number of the generator, must be the same. */
export function replayNoise(fixture: Fixture): Check[] {
  const { labels } = readDigits(fixture.root);
  return fixture.scalars(scalarsSchema).entries.map((entry) => ({
    what: entry.key,
    deviation: 'rate' in entry ? labelDeviation(fixture, labels, entry) : generatorDeviation(entry),
    tolerance: 0,
  }));
}

function labelDeviation(
  fixture: Fixture,
  labels: Int32Array,
  { key, n, classes, seed, rate }: z.output<typeof labelNoise>,
): number {
  const data = {
    name: 'digits',
    classNames: Array.from({ length: classes }, (_, i) => String(i)),
    shape: [8, 8, 1] as const,
    pixelScale: 16,
    normalization: { mean: [0], std: [1] },
    train: { images: new Uint8Array(), labels: labels.slice(0, n) },
  };
  const { given } = applyNoise(data, { type: 'corrupted_label', rate, seed }, seed);
  return largestDifference(given, fixture.integers(`labels/${key}`));
}

function generatorDeviation(entry: z.output<typeof generator>): number {
  const seed = Number(entry.key.replace('mt19937/seed', ''));
  const numbers = new NumpyRandom(seed);
  const raw = entry.first_8_uint32.map(() => numbers.raw());
  const order = new NumpyRandom(seed).permutation(entry.n).subarray(0, 16);
  return largestDifference([...raw, ...order], [...entry.first_8_uint32, ...entry.permutation_1437_first_16]);
}
