import type { Images } from './streamedImages';

/** Images as bytes [n, h, w, c] one after the other, and a class for each. */
export interface Split {
  images: Images;
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
  /** Hears of what takes long. */
  tell?: (message: string) => void;
  /** Awaited between two pieces of what takes long; ends it by throwing. */
  pause?: () => Promise<void>;
  /** Hears of what is odd, and no error. */
  warn?: (message: string) => void;
  /** The folder that the configuration names. */
  root?: string;
  /** The folder with what the package embeds. */
  mediaFolder: string;
}

/** One file of a data set, as it lies on the disk. */
export interface FileFinding {
  /** Its path; of a missing file the usual one. */
  file: string;
  /** In bytes; none for a missing file. */
  size?: number;
  status: 'ok' | 'missing' | 'damaged';
  /** What is in it, or what is wrong with it. */
  message: string;
}

/** How a data set comes to be: what a new one has to bring. */
export interface DataSetSource<Options = unknown> {
  /** In words, to end a sentence with. */
  whereToGet: string;
  /** Training and test images of a data set that is the same for everyone. */
  published?: readonly [train: number, test: number];
  /** @throws Problem that names the file, what is wrong and what to do */
  load: (places: DataPlaces, options: Options) => Promise<DataSet>;
  /**
   * The same without any pixels, where reading these takes long: enough to tell whether a run can start.
   * @throws as `load`
   */
  outline?: (places: DataPlaces, options: Options) => DataSet;
  /** Looks at each file; none when it is not known where they might be. Never throws. */
  check: (places: DataPlaces, options: Options) => Promise<FileFinding[]>;
}
