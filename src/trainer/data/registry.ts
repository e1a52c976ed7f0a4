import { dataSchema, type DataConfig, type DataOptions, type DataSetName } from '../../protocol/data';
import { messageOf } from '../../protocol/errors';
import { cifar10, cifar100 } from './cifar';
import { digits } from './digits';
import { fashionMnist, mnist } from './mnist';
import { imageFolder } from './imageFolder';
import { stl10 } from './stl10';
import { svhn } from './svhn';
import type { DataPlaces, DataSet, DataSetSource, FileFinding } from './types';

/** Every data set that a configuration can name. */
const sources: { [N in DataSetName]: DataSetSource<DataOptions<N>> } = {
  digits,
  mnist,
  'fashion-mnist': fashionMnist,
  cifar10,
  cifar100,
  svhn,
  stl10,
  'image-folder': imageFolder,
};

/** Every data set with one line on it and on where its files come from. */
export function describeDataSets(): { name: DataSetName; description: string; whereToGet: string }[] {
  return dataSchema.options.map(({ shape, description }) => {
    const name = shape.name.value;
    return { name, description: description ?? name, whereToGet: sources[name].whereToGet };
  });
}

/** A data set as a configuration names it, or by its name alone. */
type Named = DataSetName | DataConfig;

function configOf(data: Named): DataConfig {
  return typeof data === 'string' ? dataSchema.parse({ name: data }) : data;
}

/** A data set's source, with the options that a configuration gives it. */
function sourceOf<N extends DataSetName>(data: DataOptions<N> & DataConfig) {
  const name: N = data.name;
  const source = sources[name];
  return {
    load: (places: DataPlaces) => source.load(places, data),
    check: (places: DataPlaces) => source.check(places, data),
    outline: (places: DataPlaces) => source.outline?.(places, data),
  };
}

/**
 * Loads a data set, and warns when it has not as many images as are published.
 * @throws Problem that names the file, what is wrong and what to do
 */
export async function loadDataSet(data: Named, places: DataPlaces): Promise<DataSet> {
  const config = configOf(data);
  const dataSet = await sourceOf(config).load(places);
  const { published, whereToGet } = sources[config.name];
  if (published && published.join() !== imageCounts(dataSet).join()) {
    const place = places.root === undefined ? '' : ` in ${places.root}`;
    places.warn?.(
      `${config.name}${place} has ${inWords(imageCounts(dataSet))} images, where ${inWords(published)} are published: it is cut short, or another data set. Get it again; ${whereToGet}.`,
    );
  }
  return dataSet;
}

/** A data set without its pixels where reading them takes long, else whole. @throws as `loadDataSet` */
export async function outlineDataSet(data: DataConfig, places: DataPlaces): Promise<DataSet> {
  return sourceOf(data).outline(places) ?? loadDataSet(data, places);
}

function imageCounts({ train, test }: DataSet): [train: number, test: number] {
  return [train.labels.length, test.labels.length];
}

function inWords([train, test]: readonly [train: number, test: number]): string {
  return `${train.toLocaleString('en')} training and ${test.toLocaleString('en')} test`;
}

/** What `sat data check` tells of a data set. */
export interface DataCheck {
  name: string;
  ok: boolean;
  message: string;
  files: FileFinding[];
}

/**
 * Reads a data set whole, and says in one line what it is or what is wrong with it, and of each file. One that has not
 * as many images as are published is wrong. Never throws.
 */
export async function checkDataSet(data: Named, places: DataPlaces): Promise<DataCheck> {
  const config = configOf(data);
  const { name } = config;
  const files = await sourceOf(config).check(places);
  try {
    const warnings: string[] = [];
    const dataSet = await loadDataSet(config, { ...places, warn: (message) => void warnings.push(message) });
    // A damaged file that training does not read is wrong all the same.
    const wrong = files.find(({ status }) => status === 'damaged')?.message ?? warnings[0];
    if (wrong !== undefined) return { name, ok: false, message: wrong, files };
    const { shape, classNames } = dataSet;
    const about = `${inWords(imageCounts(dataSet))} images, ${shape.join('×')}, ${classNames.length} classes`;
    return { name, ok: true, message: about, files };
  } catch (error) {
    return { name, ok: false, message: messageOf(error), files };
  }
}

/** Checks all data sets, without a folder of one's own: what is there to be used at once. */
export function checkAllDataSets(places: DataPlaces): Promise<DataCheck[]> {
  return Promise.all(describeDataSets().map(({ name }) => checkDataSet(name, places)));
}
