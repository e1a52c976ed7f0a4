/** Images as bytes [n, h, w, c] one after the other, and a class for each. */
export interface Split {
  images: Uint8Array;
  labels: Int32Array;
}

/** Channel means and standard deviations, of pixels in [0, 1]. */
export interface Normalization {
  mean: number[];
  std: number[];
}

export interface DataSet {
  name: string;
  classNames: readonly string[];
  /** [height, width, channels] */
  shape: readonly [number, number, number];
  /** A pixel in [0, 1] is value / pixelScale. */
  pixelScale: number;
  /** Of the data; applied by the model. */
  normalization: Normalization;
  train: Split;
  test: Split;
}

/** Where a data set may look for its files. */
export interface DataPlaces {
  /** The folder that the configuration names. */
  root?: string;
  /** The folder with what the package embeds. */
  mediaFolder: string;
}
