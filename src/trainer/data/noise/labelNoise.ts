export interface LabelNoiseInput {
  /** True labels [n] of the whole training set, in [0, classes). */
  labels: Int32Array;
  classes: number;
  /** Share of the samples that are drawn, in [0, 1]. */
  rate: number;
  /** In [0, 2³²). */
  seed: number;
}

/** A kind of label noise. @returns the labels to train with [n], a new array */
export type LabelNoise = (input: LabelNoiseInput) => Int32Array;
