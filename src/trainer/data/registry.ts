import type { DataSetName } from '../../protocol/data';
import { messageOf } from '../problem';
import { digits } from './digits';
import { mnist } from './mnist';
import type { DataPlaces, DataSet } from './types';

/** Every data set that a configuration can name: a loader each. */
const loaders: Record<DataSetName, (places: DataPlaces) => Promise<DataSet>> = {
  digits,
  mnist: (places) => mnist('mnist', places),
  'fashion-mnist': (places) => mnist('fashion-mnist', places),
};

/** Loads a data set. @throws Problem or Error that names the file and what to do */
export function loadDataSet(name: DataSetName, places: DataPlaces): Promise<DataSet> {
  return loaders[name](places);
}

/** What `sat data check` tells of a data set. */
export interface DataCheck {
  name: string;
  ok: boolean;
  message: string;
}

/** Reads a data set whole, and says in one line what it is or what is wrong with it. Never throws. */
export async function checkDataSet(name: string, places: DataPlaces): Promise<DataCheck> {
  if (!isDataSet(name)) {
    return { name, ok: false, message: `${name} is not known. Known are ${Object.keys(loaders).join(', ')}.` };
  }
  try {
    const { train, test, shape, classNames } = await loadDataSet(name, places);
    const counts = `${train.labels.length} training and ${test.labels.length} test images`;
    return { name, ok: true, message: `${counts}, ${shape.join('×')}, ${classNames.length} classes` };
  } catch (error) {
    return { name, ok: false, message: messageOf(error) };
  }
}

/** Checks all data sets, without a folder of one's own: what is there to be used at once. */
export function checkAllDataSets(places: DataPlaces): Promise<DataCheck[]> {
  return Promise.all(Object.keys(loaders).map((name) => checkDataSet(name, places)));
}

function isDataSet(name: string): name is DataSetName {
  return name in loaders;
}
