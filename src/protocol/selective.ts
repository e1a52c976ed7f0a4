import * as z from 'zod';

/** How a classifier ranks its answers. */
export const selectiveScores = ['abstention', 'softmax_response'] as const;
export type SelectiveScore = (typeof selectiveScores)[number];

/** Risk against coverage when a classifier gives up its least certain answers first. */
const curveSchema = z.object({
  score: z.enum(selectiveScores),
  /** Area under the curve of all n coverages, in [0, 1]. */
  aurc: z.number(),
  /** Shares of the samples that are answered, rising to 1; of a large test set an even choice. */
  coverage: z.array(z.number()),
  /** Share of wrong answers among these, in [0, 1]. */
  risk: z.array(z.number()),
  /** Errors among the ⌊coverage · n⌋ most certain answers; the coverage in percent. */
  table: z.array(z.object({ coverage: z.number(), accepted: z.int(), errors: z.int() })),
});
export type SelectiveCurve = z.output<typeof curveSchema>;

/** `selective.json`: the newest evaluation of a run on the test set. The first curve is that of the metrics. */
export const selectiveFileSchema = z.object({
  version: z.int(),
  epoch: z.int(),
  /** Size of the test set. */
  samples: z.int(),
  curves: z.array(curveSchema),
});
export type SelectiveFile = z.output<typeof selectiveFileSchema>;
