import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, extname, isAbsolute, join } from 'node:path';
import type { DataOptions } from '../../protocol/data';
import { Problem } from '../problem';
import { NumpyRandom } from '../random';

/** Which of the files are for training and which for testing. */
type ListOptions = Pick<DataOptions<'image-folder'>, 'trainList' | 'testList' | 'testShare'>;

export interface LabelledFile {
  /** Its path. */
  file: string;
  /** The number of its class. */
  label: number;
}

/** The images of a data set whose images are files: of folders in one mixed order, else as in their lists. */
export interface ImageList {
  classNames: readonly string[];
  train: LabelledFile[];
  test: LabelledFile[];
}

type Warn = (message: string) => void;

/** A file and the name of its class. */
interface Named {
  file: string;
  className: string;
}

export const layouts =
  'Put the images into train/CLASS/ and val/CLASS/ (or test/CLASS/), or as CLASS.N.jpg into train/ and val/, ' +
  'or list them in text files, "path label" or CLASS.N.jpg a line, that data.trainList and data.testList name';

const isImage = (name: string) => /\.(png|jpe?g)$/i.test(name);
const isOther = (name: string) => /\.(bmp|gif|tiff?|webp|p[gp]m)$/i.test(name);
const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/**
 * Finds the images below a folder:
 * - `trainList` and `testList`, or without these the only train*.txt and the only val*.txt or test*.txt there are;
 * - else train/ and val/ (or test/), each with a folder for each class (ImageNet's layout, too), or with files that are
 *   called CLASS.anything.jpg (Dogs vs. Cats);
 * - `testShare` takes the test images from the end of each class where there is no val/ or test/.
 *
 * The first or the last images are often taken for a part, so those of folders are mixed, in one order whatever the seed.
 * @param warn hears of images in formats that are not read
 * @throws Problem that names what is missing or wrong and what to do
 */
export function listImages(root: string, options: ListOptions, warn: Warn = () => {}): ImageList {
  const lists = findLists(root, options);
  const named = lists
    ? { train: readList(root, lists.train), test: readList(root, lists.test) }
    : readFolders(root, options.testShare, warn);
  const names = [...new Set(named.train.map(({ className }) => className))].sort();
  const classNames = lists ? classesOfLabels(names) : names;
  const numbers = new Map(classNames.map((name, number) => [name, number]));
  const numbered = ({ file, className }: Named): LabelledFile => {
    const label = numbers.get(className);
    if (label !== undefined) return { file, label };
    throw new Problem(
      `${file} is of class ${className}, of which there is no training image. Classes are ${shortened(classNames)}. Take it away, or add training images.`,
    );
  };
  if (classNames.length < 2) {
    throw new Problem(`${root}: the training images are all of one class, ${shortened(classNames)}. ${layouts}.`);
  }
  return { classNames, train: named.train.map(numbered), test: named.test.map(numbered) };
}

/**
 * Labels in lists that are numbers stand for all classes from 0 on. Folders, and labels such as 01, are names, as
 * torchvision takes them.
 */
function classesOfLabels(names: readonly string[]): readonly string[] {
  if (!names.every((name) => /^(0|[1-9]\d*)$/.test(name))) return names;
  const highest = Math.max(...names.map(Number));
  // A number above the count is a name like any other.
  return highest < 2 * names.length ? Array.from({ length: highest + 1 }, (_, i) => String(i)) : names;
}

function findLists(root: string, { trainList, testList }: ListOptions): { train: string; test: string } | undefined {
  if (trainList !== undefined && testList !== undefined) return { train: trainList, test: testList };
  if (trainList !== undefined || testList !== undefined) {
    const missing = trainList === undefined ? 'trainList' : 'testList';
    throw new Problem(`data.${missing}: missing. Name both lists, or neither.`);
  }
  const names = readdirSync(root).filter((name) => name.endsWith('.txt'));
  const [train, ...moreTrain] = names.filter((name) => name.startsWith('train'));
  const [test, ...moreTest] = names.filter((name) => /^(val|test)/.test(name));
  const one = train !== undefined && test !== undefined && moreTrain.length === 0 && moreTest.length === 0;
  return one ? { train, test } : undefined;
}

/**
 * On each line a path, white space and a label, or a path alone to a file that is called after its class, as in
 * SAT-selective-cls (dataset_utils.py `CatsDogs`). Paths begin in root, or in its train/.
 */
function readList(root: string, name: string): Named[] {
  const list = join(root, name);
  if (!existsSync(list)) throw new Problem(`${list} was not found. Lists lie in data.root: check the name.`);
  const lines = readFileSync(list, 'utf8').split(/\r?\n/);
  const found = lines.flatMap((line, i) => {
    const whole = line.trim();
    if (whole === '') return [];
    const [, path, className] = isImage(whole)
      ? [whole, whole, classInName(basename(whole))]
      : (/^(.*\S)\s+(\S+)$/.exec(whole) ?? []);
    if (path === undefined || className === undefined) {
      throw new Problem(
        `${list}, line ${i + 1}: expected a path and a label, or a file called CLASS.N.jpg, found "${line.slice(0, 80)}".`,
      );
    }
    const places = isAbsolute(path) ? [path] : [join(root, path), join(root, 'train', path)];
    const file = places.find((place) => existsSync(place));
    if (file === undefined) {
      throw new Problem(
        `${list}, line ${i + 1}: there is no ${places.join(' and no ')}. Paths are relative to data.root.`,
      );
    }
    return [{ file, className }];
  });
  if (found.length === 0) throw new Problem(`${list} lists no images. Write "path label" on each line.`);
  return found;
}

function readFolders(root: string, testShare: number | undefined, warn: Warn): { train: Named[]; test: Named[] } {
  const all = readFolder(join(root, 'train'), warn, true);
  const name = ['val', 'test'].find((folder) => isFolder(join(root, folder)));
  if (name !== undefined) return { train: mixed(all), test: mixed(readFolder(join(root, name), warn)) };
  if (testShare === undefined) {
    throw new Problem(
      `${root} has neither val/ nor test/. ${layouts}; or set data.testShare to take test images from the end of each class.`,
    );
  }
  const train: Named[] = [];
  const test: Named[] = [];
  for (const className of new Set(all.map((image) => image.className))) {
    const images = all.filter((image) => image.className === className);
    const kept = images.length - Math.trunc(testShare * images.length);
    train.push(...images.slice(0, kept));
    test.push(...images.slice(kept));
  }
  if (test.length === 0) throw new Problem(`data.testShare: ${testShare} of each class is no image. Raise it.`);
  return { train: mixed(train), test: mixed(test) };
}

/** Orders as `numpy.random.RandomState(0).permutation(n)`. */
function mixed(sorted: readonly Named[]): Named[] {
  return [...new NumpyRandom(0).permutation(sorted.length)].flatMap((i) => sorted[i] ?? []);
}

/**
 * Sorted by class and name: a folder for each class, or files whose names begin with their class and a dot.
 * @param complete whether each class folder must have images, as torchvision demands, but for hidden ones
 */
function readFolder(folder: string, warn: Warn, complete = false): Named[] {
  if (!isFolder(folder)) throw new Problem(`${folder} was not found. ${layouts}.`);
  const entries = readdirSync(folder);
  const classes = entries.filter((name) => isFolder(join(folder, name))).sort();
  const found = classes.map((className) => ({
    className,
    names: readdirSync(join(folder, className), { recursive: true, encoding: 'utf8' }).sort(),
  }));
  const unread = inWords([...entries, ...found.flatMap(({ names }) => names)].filter(isOther));
  const inClasses = found.flatMap(({ className, names }) =>
    names.filter(isImage).map((name) => ({ file: join(folder, className, name), className })),
  );
  const flat = entries
    .filter(isImage)
    .sort(byNumbers)
    .flatMap((name) => {
      const className = classInName(name);
      return className === undefined ? [] : [{ file: join(folder, name), className }];
    });
  const images = inClasses.length > 0 ? inClasses : flat;
  if (images.length === 0) throw new Problem(`${folder} holds no PNG or JPEG images of classes.${unread} ${layouts}.`);
  const without = found.filter(({ className, names }) => !className.startsWith('.') && !names.some(isImage));
  if (complete && inClasses.length > 0 && without.length > 0) {
    const classNames = shortened(without.map(({ className }) => className));
    throw new Problem(
      `${folder} has class folders without PNG or JPEG images: ${classNames}.${unread} Put images into each, or take it away.`,
    );
  }
  if (unread !== '') warn(`${folder}:${unread}`);
  return images;
}

/** Begins with a space, to go after what is said before; empty where there are none. */
function inWords(others: readonly string[]): string {
  if (others.length === 0) return '';
  const formats = [...new Set(others.map((name) => extname(name).toLowerCase()))].sort().join(', ');
  const are = others.length === 1 ? 'file is of a format that is' : 'files are of formats that are';
  return ` ${others.length.toLocaleString('en')} ${are} not read (${formats}): make PNG or JPEG images of them.`;
}

/** "cat" of cat.2.jpg; undefined where the name holds no class. */
function classInName(name: string): string | undefined {
  return /^([^.]+)\.[^.]+\../.exec(name)?.[1];
}

/** cat.2.jpg before cat.10.jpg. */
const { compare: byNumbers } = new Intl.Collator('en', { numeric: true });

/** Names in a row, of many only the first ten. */
export function shortened(names: readonly string[]): string {
  return names.length > 10 ? `${names.slice(0, 10).join(', ')}, …` : names.join(', ');
}
