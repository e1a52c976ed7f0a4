import type { RunConfig } from '../protocol/config';
import { imageFilesSchema, type DataConfig } from '../protocol/data';
import { requireRoot } from './data/dataFile';
import { layouts, listImages, type LabelledFile } from './data/imageList';
import { prepareTrainingData } from './data/prepare';
import { loadDataSet } from './data/registry';
import type { DataPlaces, DataSet, Split } from './data/types';
import { requireFit } from './models/registry';
import { messageOf } from './problem';
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
    prepareTrainingData(data, { ...config.data, noise: fallibleNoise(config.data) }, config.seed);
    requireFit(config.model, data.shape);
    return undefined;
  } catch (error) {
    return { message: messageOf(error) };
  }
}

/** Drawing most noises takes a while and cannot fail; a map of classes or a file may not be there, or not fit. */
function fallibleNoise({ noise }: DataConfig): DataConfig['noise'] {
  return noise?.type === 'asymmetric' || noise?.file !== undefined ? noise : undefined;
}

/** A data set, or what is wrong with its files. Images that are files of their own are only listed, not decoded. */
async function look(data: DataConfig, { mediaFolder }: Pick<DataPlaces, 'mediaFolder'>): Promise<DataSet | Fault> {
  const places: DataPlaces = { mediaFolder, ...(data.root === undefined ? {} : { root: data.root }) };
  try {
    return data.name === 'image-folder' ? listedImages(data, places) : await loadDataSet(data, places);
  } catch (error) {
    return { message: messageOf(error), dataSet: data.name };
  }
}

function listedImages(data: DataConfig, places: DataPlaces): DataSet {
  const options = imageFilesSchema.parse(data);
  const { classNames, train, test } = listImages(requireRoot(data.name, places, `${layouts}.`), options);
  const split = (files: readonly LabelledFile[]): Split => ({
    images: new Uint8Array(0),
    labels: Int32Array.from(files, ({ label }) => label),
  });
  return {
    name: data.name,
    classNames,
    shape: [options.size, options.size, 3],
    pixelScale: 255,
    normalization: { mean: [0, 0, 0], std: [1, 1, 1] },
    train: split(train),
    test: split(test),
  };
}
