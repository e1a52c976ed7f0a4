import { dataSchema, imageFilesSchema, type DataConfig, type DataSetName } from '../../protocol/data';
import { messageOf } from '../problem';
import { cifar10, cifar100 } from './cifar';
import { digits } from './digits';
import { fashionMnist, mnist } from './mnist';
import { imageFolder } from './imageFolder';
import { stl10 } from './stl10';
import { svhn } from './svhn';
import type { DataPlaces, DataSet, DataSetSource, FileFinding } from './types';

/** Every data set that a configuration can name. */
const sources: Record<DataSetName, DataSetSource> = {
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

/**
 * Loads a data set.
 * @param data its configuration, or its name alone
 * @throws Problem that names the file, what is wrong and what to do
 */
export function loadDataSet(data: DataSetName | DataConfig, places: DataPlaces): Promise<DataSet> {
  const [name, options] = typeof data === 'string' ? [data, {}] : [data.name, data];
  return sources[name].load(places, imageFilesSchema.parse(options));
}

/** What `sat data check` tells of a data set. */
export interface DataCheck {
  name: string;
  ok: boolean;
  message: string;
  files: FileFinding[];
}

/** Reads a data set whole, and says in one line what it is or what is wrong with it, and of each file. Never throws. */
export async function checkDataSet(name: string, places: DataPlaces): Promise<DataCheck> {
  if (!isDataSet(name)) {
    const known = Object.keys(sources).join(', ');
    return { name, ok: false, message: `${name} is not a data set known here. Known are ${known}.`, files: [] };
  }
  const files = await sources[name].check(places, imageFilesSchema.parse({}));
  try {
    const { train, test, shape, classNames } = await loadDataSet(name, places);
    const counts = `${train.labels.length} training and ${test.labels.length} test images`;
    return { name, ok: true, message: `${counts}, ${shape.join('×')}, ${classNames.length} classes`, files };
  } catch (error) {
    return { name, ok: false, message: messageOf(error), files };
  }
}

/** Checks all data sets, without a folder of one's own: what is there to be used at once. */
export function checkAllDataSets(places: DataPlaces): Promise<DataCheck[]> {
  return Promise.all(Object.keys(sources).map((name) => checkDataSet(name, places)));
}

function isDataSet(name: string): name is DataSetName {
  return Object.hasOwn(sources, name);
}
