import * as z from 'zod';
import { applyNoise } from '../../src/trainer/data/noise';
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
  const { given } = applyNoise(labels.slice(0, n), classes, { type: 'corrupted_label', rate, seed });
  return largestDifference(given, fixture.integers(`labels/${key}`));
}

function generatorDeviation(entry: z.output<typeof generator>): number {
  const seed = Number(entry.key.replace('mt19937/seed', ''));
  const numbers = new NumpyRandom(seed);
  const raw = entry.first_8_uint32.map(() => numbers.raw());
  const order = new NumpyRandom(seed).permutation(entry.n).subarray(0, 16);
  return largestDifference([...raw, ...order], [...entry.first_8_uint32, ...entry.permutation_1437_first_16]);
}
