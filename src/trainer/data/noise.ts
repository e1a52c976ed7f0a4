import { readFileSync } from 'node:fs';
import * as z from 'zod';
import type { NoiseConfig, NoiseType } from '../../protocol/data';
import { Problem, messageOf } from '../problem';
import { NumpyRandom } from '../random';

/** `noise.json`: which labels are wrong, so that the same noise can be used again and looked into. */
const recordSchema = z.object({
  version: z.literal(1),
  type: z.string(),
  rate: z.number(),
  seed: z.number(),
  /** Labels that really differ from the true ones. */
  count: z.int(),
  indices: z.array(z.int()),
  given: z.array(z.int()),
  true: z.array(z.int()),
});
export type NoiseRecord = z.output<typeof recordSchema>;

export interface NoisyLabels {
  /** The labels to train with. */
  given: Int32Array;
  record: NoiseRecord;
}

type Draw = (labels: Int32Array, classes: number, rate: number, random: NumpyRandom) => Int32Array;

const draws: Record<NoiseType, Draw> = {
  /** The authors' datasets/random_noise.py, `label_noise`: the new label can be the true class. */
  corrupted_label(labels, classes, rate, random) {
    const given = labels.slice();
    const count = Math.floor(rate * labels.length);
    const chosen = random.permutation(labels.length).subarray(0, count);
    const drawn = random.randint(0, classes, count);
    chosen.forEach((index, i) => (given[index] = drawn[i] ?? 0));
    return given;
  },
};

/**
 * Puts noise on labels, exactly as the authors' NumPy code draws it.
 * @param labels true labels [n] of the whole training set
 * @param noise its seed must be filled in, unless it comes from a file
 * @throws Problem when a saved noise does not fit these labels
 */
export function applyNoise(labels: Int32Array, classes: number, noise: NoiseConfig & { seed: number }): NoisyLabels {
  if (noise.file !== undefined) return reuse(labels, noise.file);
  const given = draws[noise.type](labels, classes, noise.rate, new NumpyRandom(noise.seed));
  const indices = [...labels.keys()].filter((i) => given[i] !== labels[i]);
  return {
    given,
    record: {
      version: 1,
      type: noise.type,
      rate: noise.rate,
      seed: noise.seed,
      count: indices.length,
      indices,
      given: indices.map((i) => given[i] ?? 0),
      true: indices.map((i) => labels[i] ?? 0),
    },
  };
}

function reuse(labels: Int32Array, file: string): NoisyLabels {
  let record: NoiseRecord;
  try {
    record = recordSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new Problem(`${file} could not be read as saved noise: ${messageOf(error)}`);
  }
  const given = labels.slice();
  record.indices.forEach((index, i) => {
    if (labels[index] !== record.true[i]) {
      throw new Problem(
        `${file} belongs to other data: the label at ${index} is ${labels[index]}, not ${record.true[i]}.`,
      );
    }
    given[index] = record.given[i] ?? 0;
  });
  return { given, record };
}
