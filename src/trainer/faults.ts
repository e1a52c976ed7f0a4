import type { RunConfig } from '../protocol/config';
import type { DataConfig } from '../protocol/data';
import { messageOf } from '../protocol/errors';
import { prepareTrainingData } from './data/prepare';
import { outlineDataSet } from './data/registry';
import type { DataPlaces, DataSet } from './data/types';
import { requireFit } from './models/registry';
import { requireRuntime } from './runtimes';

/** Why a run with some configuration would fail at its start. */
export interface Fault {
  /** What is wrong and what to do. */
  message: string;
  /** The data set whose files are missing or damaged, where that is the fault. */
  dataSet?: DataConfig['name'];
}

/**
 * Holds configurations against the machine before anything is made for them: the runtime is installed, the data are
 * there and can be read, the noise and the model fit them.
 * @returns each fault once
 */
export async function findFaults(
  configs: readonly RunConfig[],
  places: Pick<DataPlaces, 'mediaFolder'>,
): Promise<Fault[]> {
  const known = new Map<string, Promise<DataSet | Fault>>();
  const found = new Map<string, Fault>();
  for (const config of configs) {
    const { noise: _noise, augment: _augment, validation: _validation, limit: _limit, ...files } = config.data;
    const key = JSON.stringify(files);
    const data = known.get(key) ?? look(config.data, places);
    known.set(key, data);
    const fault = faultOf(config, await data);
    if (fault) found.set(fault.message, fault);
  }
  return [...found.values()];
}

function faultOf(config: RunConfig, data: DataSet | Fault): Fault | undefined {
  try {
    requireRuntime(config);
    if ('message' in data) return data;
    prepareTrainingData(data, { ...config.data, noise: fallibleNoise(config.data, data) }, config.seed);
    requireFit(config.model, data.shape);
    return undefined;
  } catch (error) {
    return { message: messageOf(error) };
  }
}

/**
 * Drawing most noises takes a while and cannot fail; a map of classes or a file may not be there, or not fit, and images
 * that are streamed have no noise put on them.
 */
function fallibleNoise({ noise }: DataConfig, { train }: DataSet): DataConfig['noise'] {
  const streamed = !(train.images instanceof Uint8Array);
  return noise?.type === 'asymmetric' || noise?.file !== undefined || streamed ? noise : undefined;
}

/** A data set, or what is wrong with its files. */
async function look(data: DataConfig, { mediaFolder }: Pick<DataPlaces, 'mediaFolder'>): Promise<DataSet | Fault> {
  const places: DataPlaces = { mediaFolder, ...(data.root === undefined ? {} : { root: data.root }) };
  try {
    return await outlineDataSet(data, places);
  } catch (error) {
    return { message: messageOf(error), dataSet: data.name };
  }
}
