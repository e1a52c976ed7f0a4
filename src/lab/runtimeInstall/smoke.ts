// A program of its own, since it may crash: loads an installed binding, multiplies two matrices, and prints what it found.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { messageOf } from '../../protocol/errors';
import { installedFiles } from '../../protocol/installedRuntime';
import type { SmokeOutput } from './check';

interface Attribute {
  name: string;
  type: number;
  value: boolean | number;
}

/** What is used here of the native binding. */
interface Binding {
  TF_Version: string;
  TF_FLOAT: number;
  TF_ATTR_BOOL: number;
  TF_ATTR_TYPE: number;
  isUsingGpuDevice(): boolean;
  createTensor(shape: number[], type: number, values: Float32Array): number;
  executeOp(op: string, attributes: Attribute[], inputs: number[], outputs: number): { id: number }[];
  tensorDataSync(id: number): Float32Array;
}

function compute(folder: string): SmokeOutput {
  const binding = createRequire(__filename)(join(folder, installedFiles.binding)) as Binding;
  const { TF_FLOAT, TF_ATTR_BOOL, TF_ATTR_TYPE } = binding;
  const matrix = binding.createTensor([2, 2], TF_FLOAT, new Float32Array([1, 2, 3, 4]));
  const attributes = [
    { name: 'transpose_a', type: TF_ATTR_BOOL, value: false },
    { name: 'transpose_b', type: TF_ATTR_BOOL, value: false },
    { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
  ];
  const [product] = binding.executeOp('MatMul', attributes, [matrix, matrix], 1);
  const values = product ? [...binding.tensorDataSync(product.id)] : [];
  if (values.join() !== '7,10,15,22') return { error: `it computed a wrong product (${values.join(', ')})` };
  return { tensorflow: binding.TF_Version, gpu: binding.isUsingGpuDevice() };
}

function main(): SmokeOutput {
  try {
    return compute(process.argv[2] ?? '');
  } catch (error) {
    return { error: messageOf(error) };
  }
}

process.stdout.write(`${JSON.stringify(main())}\n`);
