import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import * as z from 'zod';
import { messageOf } from '../../../protocol/errors';
import { decodeNpy } from '../../../formats/npy';
import type { Unpickled } from '../../../formats/pickle';
import { decodeTorchFile } from '../../../formats/torchFile';
import { Problem } from '../../problem';
import type { LabelNoise } from './labelNoise';

interface Options {
  file: string;
  key?: string | undefined;
}

/** Under this name CIFAR-N's files hold the true labels, which tell whether the order is that of the data. */
const trueLabelsKey = 'clean_label';

/**
 * Labels from a file, such as human ones (CIFAR-N; facts 5.1): .pt (CIFAR-N's own, lists by name), .npy (one dimension),
 * .json (a list, or lists by name), else text, one label a line. They are those of the whole training set in its order.
 * @throws Problem that names the file and the sample
 */
export const labelFile: LabelNoise<Options> = ({ file, key }, { train: { labels }, classNames }) => {
  const lists = readLists(file);
  const given = chosen(lists, file, key);
  if (given.length !== labels.length) {
    throw new Problem(
      `${file} has ${given.length} labels, the training set ${labels.length} samples. Use a file with one label for each.`,
    );
  }
  const wrong = given.findIndex((label) => !Number.isInteger(label) || label < 0 || label >= classNames.length);
  if (wrong >= 0) {
    throw new Problem(
      `${file}: sample ${wrong} has the label ${given[wrong]}, expected 0 to ${classNames.length - 1}.`,
    );
  }
  const other = lists.get(trueLabelsKey)?.findIndex((label, i) => label !== labels[i]) ?? -1;
  if (other >= 0) {
    throw new Problem(
      `${file} is in another order than the data: by its ${trueLabelsKey}, sample ${other} is another one. Use the file in the order of the data set’s own files.`,
    );
  }
  return Int32Array.from(given);
};

/** Lists of labels by name; a single one has the empty name. */
type Lists = Map<string, readonly number[]>;

function chosen(lists: Lists, file: string, key: string | undefined): readonly number[] {
  const found = lists.get(key ?? '');
  if (found) return found;
  const names = [...lists.keys()].filter((name) => name !== '');
  throw new Problem(
    names.length === 0
      ? `data.noise.key: ${file} holds one list of labels without a name. Remove the key.`
      : `data.noise.key: expected one of ${names.join(', ')} of ${file}, found ${key ?? 'nothing'}.`,
  );
}

function readLists(file: string): Lists {
  try {
    const bytes = readFileSync(file);
    const extension = extname(file).toLowerCase();
    if (extension === '.pt') return torchLists(bytes, file);
    if (extension === '.npy') return new Map([['', npyLabels(bytes, file)]]);
    const text = bytes.toString('utf8');
    return extension === '.json' ? jsonLists(text) : new Map([['', textLabels(text)]]);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(`${file} could not be read as labels: ${messageOf(error)} Check data.noise.file.`);
  }
}

function npyLabels(bytes: Uint8Array, file: string): readonly number[] {
  const { shape, data } = decodeNpy(bytes, file);
  if (shape.length !== 1) throw new Problem(`${file} has the shape [${shape.join(', ')}], expected one dimension.`);
  return Array.from(data, Number);
}

/** CIFAR-N's own files: a dictionary of NumPy arrays, and lists. */
function torchLists(bytes: Uint8Array, file: string): Lists {
  const saved = decodeTorchFile(bytes, file);
  if (!(saved instanceof Map)) throw new Error('expected a dictionary of lists.');
  return new Map([...saved].flatMap(([name, values]) => (typeof name === 'string' ? [[name, numbers(values)]] : [])));
}

/** The values of a list or an array. What is no number becomes NaN, which the check of the labels names. */
function numbers(values: Unpickled): readonly number[] {
  if (Array.isArray(values)) return values.map(Number);
  if (typeof values === 'object' && values !== null && 'data' in values) return Array.from(values.data, Number);
  return [];
}

const listSchema = z.array(z.number());

function jsonLists(text: string): Lists {
  const result = z.union([listSchema, z.record(z.string(), listSchema)]).safeParse(JSON.parse(text));
  if (!result.success) throw new Error('expected a list of labels, or lists by name.');
  return new Map(Array.isArray(result.data) ? [['', result.data]] : Object.entries(result.data));
}

/** Numbers that are none become NaN, which the check of the labels names. */
function textLabels(text: string): readonly number[] {
  return text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map(Number);
}
