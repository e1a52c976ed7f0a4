import * as z from 'zod';

const natural = z.int().min(0);
const share = z.number().min(0).max(1);

const common = {
  version: z.literal(1, 'written by a newer version; update SAT Lab, or draw the noise again'),
  type: z.string(),
  /** As configured, in [0, 1]. Noise from a file of labels has none, and no seed. */
  rate: share.optional(),
  seed: natural.optional(),
};

const statistics = {
  /** Share of the whole training set's labels that are wrong, in [0, 1]. */
  trueErrorRate: share.optional(),
  /** Row: true class, column: given class, entry: share of the row's samples, in [0, 1]. [K, K] */
  transitionMatrix: z.array(z.array(share)).optional(),
};

/** `noise.json` of label noise: which labels are wrong, so that the same noise can be used again and looked into. */
export const labelNoiseSchema = z
  .object({
    ...common,
    /** Labels that really differ from the true ones. */
    count: natural,
    /** Which samples of the whole training set these are, ascending. */
    indices: z.array(natural),
    /** The wrong label of each. */
    given: z.array(natural),
    /** The true label of each. */
    true: z.array(natural),
    ...statistics,
  })
  .refine(
    ({ count, indices, given, true: trueLabels }) =>
      [indices, given, trueLabels].every((list) => list.length === count) && new Set(indices).size === count,
    { message: 'indices, given and true must have `count` entries each, no index twice' },
  );
export type LabelNoiseRecord = z.output<typeof labelNoiseSchema>;

/** `noise.json` of image noise. */
export const imageNoiseSchema = z
  .object({
    ...common,
    /** Images that are replaced. */
    count: natural,
    /** Which samples of the whole training set these are, in the order in which they were drawn. */
    indices: z.array(natural),
    /** The file beside this one with what they were replaced by: uint8 [count, h, w, c]. */
    pixels: z.string(),
  })
  .refine(({ count, indices }) => indices.length === count && new Set(indices).size === count, {
    message: 'indices must have `count` entries, none twice',
  });
export type ImageNoiseRecord = z.output<typeof imageNoiseSchema>;

export type NoiseRecord = LabelNoiseRecord | ImageNoiseRecord;

/** What `noise.json` says of a noise as a whole, also one of a newer version. Noise on images has no statistics. */
export const noiseSummarySchema = z.object({
  type: z.string(),
  /** Labels that are wrong, or images that are replaced. */
  count: natural,
  ...statistics,
});
export type NoiseSummary = z.output<typeof noiseSummarySchema>;
