import { decodePickle, type Unpickled } from '../../formats/pickle';
import {
  checkDataFile,
  findFolder,
  planesToPixels,
  readDataFile,
  requireLabels,
  requireRoot,
  type DataFile,
} from './dataFile';
import { Problem } from '../problem';
import type { DataPlaces, DataSetSource, Split } from './types';

const positions = 32 * 32;
const imageBytes = 3 * positions;

/** What one file holds. */
interface Batch extends Split {
  images: Uint8Array;
}

/** One of the versions in which CIFAR is published. */
interface Version {
  /** Its archive's folder. */
  folder: string;
  train: readonly string[];
  test: readonly string[];
  decode: (bytes: Uint8Array, file: string) => Batch;
}

interface Variant {
  name: 'cifar10' | 'cifar100';
  classNames: readonly string[];
  binary: Version;
  python: Version;
}

/** A CIFAR data set, its files in data.root or in the archive's folder there, in the binary or the python version. */
function cifar({ name, classNames, binary, python }: Variant): DataSetSource {
  const whereToGet = `\`sat data download ${name}\` gets them, or take the archive of the binary or python version from www.cs.toronto.edu/~kriz/cifar.html`;
  const advice = `Put the unpacked folder ${binary.folder} or ${python.folder} into a folder and set data.root (or --root) to it; ${whereToGet}.`;
  const find = (root: string): { folder: string; version: Version } | undefined => {
    for (const version of [binary, python]) {
      const folder = findFolder(root, ['', version.folder], [...version.train, ...version.test]);
      if (folder !== undefined) return { folder, version };
    }
    return undefined;
  };
  return {
    whereToGet,
    published: [50_000, 10_000],
    async load(places: DataPlaces) {
      const root = requireRoot(name, places, advice);
      const found = find(root);
      if (!found) throw new Problem(`${name}: its files were not found in ${root}. ${advice}`);
      const { folder, version } = found;
      const read = async (files: readonly string[]): Promise<Batch> => {
        const parts: Batch[] = [];
        for (const file of files)
          parts.push(await readDataFile(folder, { name: file, decode: version.decode }, advice));
        return joined(parts);
      };
      return {
        name,
        classNames,
        shape: [32, 32, 3],
        pixelScale: 255,
        // The authors', for both data sets (facts 1.4).
        normalization: { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
        train: await read(version.train),
        test: await read(version.test),
      };
    },
    async check({ root }) {
      if (root === undefined) return [];
      const { folder, version } = find(root) ?? { folder: root, version: binary };
      const findings = [];
      for (const file of [...version.train, ...version.test])
        findings.push(await checkDataFile(folder, dataFile(file, version)));
      return findings;
    },
  };
}

function dataFile(name: string, { decode }: Version): DataFile<Batch> {
  return { name, decode, describe: ({ labels }) => `${labels.length.toLocaleString('en')} images with labels` };
}

function joined(parts: readonly Batch[]): Batch {
  const counts = parts.map(({ labels }) => labels.length);
  const count = counts.reduce((sum, n) => sum + n, 0);
  const split = { images: new Uint8Array(count * imageBytes), labels: new Int32Array(count) };
  let at = 0;
  for (const { images, labels } of parts) {
    split.images.set(images, at * imageBytes);
    split.labels.set(labels, at);
    at += labels.length;
  }
  return split;
}

/**
 * The binary version: records of `labelBytes` labels, the last of which counts, then 3 planes of 32 × 32 pixels, row by
 * row (the data sets' home page).
 */
function binaryDecoder(labelBytes: number, classes: number): Version['decode'] {
  const recordBytes = labelBytes + imageBytes;
  return (bytes, file) => {
    const count = bytes.length / recordBytes;
    if (count < 1 || !Number.isInteger(count)) {
      throw new Error(
        `${file} has ${bytes.length.toLocaleString('en')} bytes, which are no whole records of ${recordBytes.toLocaleString('en')}. It is cut short or another data set’s file: get it again.`,
      );
    }
    const planes = new Uint8Array(count * imageBytes);
    const labels = new Int32Array(count);
    for (let i = 0; i < count; i += 1) {
      const image = i * recordBytes + labelBytes;
      labels[i] = bytes[image - 1] ?? 0;
      planes.set(bytes.subarray(image, image + imageBytes), i * imageBytes);
    }
    requireLabels(labels, 0, classes - 1, file);
    return { images: planesToPixels(planes, 3, positions), labels };
  };
}

/** The python version: a pickled dictionary with the planes [n, 3072] as `data` and the labels under `key`. */
function pythonDecoder(key: string, classes: number): Version['decode'] {
  return (bytes, file) => {
    const content = decodePickle(bytes, file);
    const entry = (name: string): Unpickled | undefined => (content instanceof Map ? content.get(name) : undefined);
    const [data, list] = [entry('data'), entry(key)];
    const planes = isArray(data) && data.shape[1] === imageBytes ? data.data : undefined;
    if (!(planes instanceof Uint8Array) || !isListOfNumbers(list)) {
      throw new Error(
        `${file} holds no bytes [n, 3072] as 'data' and list of '${key}'. Is it another data set’s file? If not, get it again.`,
      );
    }
    const count = planes.length / imageBytes;
    if (list.length !== count || count < 1) {
      throw new Error(`${file} has ${list.length} labels for ${count} images. Get it again.`);
    }
    requireLabels(list, 0, classes - 1, file);
    return { images: planesToPixels(planes, 3, positions), labels: Int32Array.from(list) };
  };
}

type PickledArray = Extract<Unpickled, { shape: number[] }>;

function isArray(item: Unpickled | undefined): item is PickledArray {
  return typeof item === 'object' && item !== null && 'shape' in item;
}

function isListOfNumbers(item: Unpickled | undefined): item is number[] {
  return Array.isArray(item) && item.every((one) => typeof one === 'number');
}

const batches = ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5'];

/** Krizhevsky, 2009: 50,000 + 10,000 photographs, 10 classes. */
export const cifar10 = cifar({
  name: 'cifar10',
  classNames: ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
  binary: {
    folder: 'cifar-10-batches-bin',
    train: batches.map((batch) => `${batch}.bin`),
    test: ['test_batch.bin'],
    decode: binaryDecoder(1, 10),
  },
  python: {
    folder: 'cifar-10-batches-py',
    train: batches,
    test: ['test_batch'],
    decode: pythonDecoder('labels', 10),
  },
});

const fineClasses = `
  apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle
  bowl boy bridge bus butterfly camel can castle caterpillar cattle
  chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
  dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
  lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
  mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
  plain plate poppy porcupine possum rabbit raccoon ray road rocket
  rose sea seal shark shrew skunk skyscraper snail snake spider
  squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
  train trout tulip turtle wardrobe whale willow_tree wolf woman worm`;

/** Krizhevsky, 2009: 50,000 + 10,000 photographs; its 100 fine classes. */
export const cifar100 = cifar({
  name: 'cifar100',
  classNames: fineClasses.trim().split(/\s+/),
  binary: { folder: 'cifar-100-binary', train: ['train.bin'], test: ['test.bin'], decode: binaryDecoder(2, 100) },
  python: { folder: 'cifar-100-python', train: ['train'], test: ['test'], decode: pythonDecoder('fine_labels', 100) },
});
