import { dataSchema, type DataConfig, type DataOptions, type DataSetName } from '../../protocol/data';
import { messageOf } from '../problem';
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
  };
}

/** Loads a data set. @throws Problem that names the file, what is wrong and what to do */
export async function loadDataSet(data: Named, places: DataPlaces): Promise<DataSet> {
  return sourceOf(configOf(data)).load(places);
}

/** What `sat data check` tells of a data set. */
export interface DataCheck {
  name: string;
  ok: boolean;
  message: string;
  files: FileFinding[];
}

/** Reads a data set whole, and says in one line what it is or what is wrong with it, and of each file. Never throws. */
export async function checkDataSet(data: Named, places: DataPlaces): Promise<DataCheck> {
  const config = configOf(data);
  const { name } = config;
  const files = await sourceOf(config).check(places);
  try {
    const { train, test, shape, classNames } = await loadDataSet(config, places);
    const counts = `${train.labels.length} training and ${test.labels.length} test images`;
    return { name, ok: true, message: `${counts}, ${shape.join('×')}, ${classNames.length} classes`, files };
  } catch (error) {
    return { name, ok: false, message: messageOf(error), files };
  }
}

/** Checks all data sets, without a folder of one's own: what is there to be used at once. */
export function checkAllDataSets(places: DataPlaces): Promise<DataCheck[]> {
  return Promise.all(describeDataSets().map(({ name }) => checkDataSet(name, places)));
}
