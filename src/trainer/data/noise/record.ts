import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { Problem, messageOf } from '../../problem';

const natural = z.int().min(0);

/** `noise.json`: which labels are wrong, so that the same noise can be used again and looked into. */
const recordSchema = z
  .object({
    version: z.literal(1, 'written by a newer version; update SAT Lab, or draw the noise again'),
    type: z.string(),
    /** Share of the samples that were drawn, in [0, 1]. */
    rate: z.number().min(0).max(1),
    seed: natural,
    /** Labels that really differ from the true ones. */
    count: natural,
    /** Which samples of the whole training set these are, ascending. */
    indices: z.array(natural),
    /** The wrong label of each. */
    given: z.array(natural),
    /** The true label of each. */
    true: z.array(natural),
  })
  .refine(
    ({ count, indices, given, true: trueLabels }) =>
      [indices, given, trueLabels].every((list) => list.length === count) && new Set(indices).size === count,
    { message: 'indices, given and true must have `count` entries each, no index twice' },
  );
export type NoiseRecord = z.output<typeof recordSchema>;

/** What is saved of a noise. @param labels true labels [n] @param given labels to train with [n] */
export function noiseRecord(
  labels: Int32Array,
  given: Int32Array,
  { type, rate, seed }: Pick<NoiseRecord, 'type' | 'rate' | 'seed'>,
): NoiseRecord {
  const indices = [...labels.keys()].filter((i) => given[i] !== labels[i]);
  return {
    version: 1,
    type,
    rate,
    seed,
    count: indices.length,
    indices,
    given: indices.map((i) => given[i] ?? 0),
    true: indices.map((i) => labels[i] ?? 0),
  };
}

/** Reads `noise.json`. @throws Problem that names the file and what is wrong in it */
export function readNoiseRecord(file: string): NoiseRecord {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Problem(`${file} could not be read as saved noise: ${messageOf(error)}. Check data.noise.file.`);
  }
  const result = recordSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const at = issue?.path.join('.') ?? '';
  throw new Problem(
    `${file} is not saved noise: ${at && `${at}: `}${issue?.message ?? 'wrong'}. Use a noise.json of a run’s folder.`,
  );
}

/**
 * Puts a saved noise on labels again.
 * @param file its name, for messages
 * @throws Problem when it belongs to other labels
 */
export function applyNoiseRecord(labels: Int32Array, classes: number, record: NoiseRecord, file: string): Int32Array {
  const given = labels.slice();
  record.indices.forEach((index, i) => {
    const [wrong = 0, right] = [record.given[i], record.true[i]];
    if (labels[index] !== right) {
      const found = labels[index] === undefined ? `there are only ${labels.length} samples` : `it is ${labels[index]}`;
      throw new Problem(
        `${file} belongs to other data: the label of sample ${index} should be ${right}, ${found}. Use the noise of a run on this data set.`,
      );
    }
    if (wrong >= classes) {
      throw new Problem(`${file}: sample ${index} is given the label ${wrong}, expected 0 to ${classes - 1}.`);
    }
    given[index] = wrong;
  });
  return given;
}
