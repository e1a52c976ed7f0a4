import type { TensorMetadata, TFEOpAttr, TFJSBinding } from '@tensorflow/tfjs-node-gpu/dist/tfjs_binding';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { installedFiles } from '../../../protocol/installedRuntime';

export type { TensorMetadata, TFEOpAttr, TFJSBinding };

/** What a tensor of the binding is, besides its values. */
export interface TensorKind {
  shape: readonly number[];
  /** TensorFlow's number of it. */
  dtype: number;
}

/** Hears of all that happens in the binding. */
export interface Listener {
  /** A tensor was made of values. */
  created(id: number): void;
  executed(op: string, attributes: readonly TFEOpAttr[], inputs: readonly number[], outputs: readonly number[]): void;
  updated(update: MomentumUpdate): void;
  /** The program read values of a tensor. */
  read(): void;
}

/** An update of a weight and its momentum buffer, by ids: b' = momentum · b + g + weightDecay · w; w' = w − lr · b'. */
export interface MomentumUpdate {
  weight: number;
  buffer: number;
  gradient: number;
  learningRate: number;
  momentum: number;
  weightDecay: number;
  newWeight: number;
  newBuffer: number;
}

/** Loads the native binding of an installed runtime. @throws the loader's error */
export function loadBinding(folder: string): TFJSBinding {
  // The binding calls a function that Node 23 took away.
  const util = createRequire(__filename)('node:util') as { isNullOrUndefined?: (value: unknown) => boolean };
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
  return createRequire(__filename)(join(folder, installedFiles.binding)) as TFJSBinding;
}

/**
 * The binding with an ear: every tensor's kind is known by its id, and a listener can hear each operation.
 */
export class ObservedBinding {
  readonly kinds = new Map<number, TensorKind>();
  listener: Listener | undefined;
  /** What takes the binding's place for tfjs's backend. */
  readonly facade: TFJSBinding;

  constructor(readonly native: TFJSBinding) {
    const methods: Pick<TFJSBinding, 'createTensor' | 'deleteTensor' | 'executeOp' | 'runSavedModel'> = {
      createTensor: (shape, dtype, values) => {
        const id = native.createTensor(shape, dtype, values);
        this.kinds.set(id, { shape, dtype });
        this.listener?.created(id);
        return id;
      },
      deleteTensor: (id) => {
        native.deleteTensor(id);
        this.kinds.delete(id);
      },
      executeOp: (op, attributes, inputs, count) => {
        const outputs = native.executeOp(op, attributes, inputs, count);
        const ids = this.learn(outputs);
        this.listener?.executed(op, attributes, inputs, ids);
        return outputs;
      },
      runSavedModel: (model, inputs, inputNames, outputNames) => {
        const outputs = native.runSavedModel(model, inputs, inputNames, outputNames);
        this.learn(outputs);
        return outputs;
      },
    };
    // The binding's own methods cannot be written to, but be shadowed.
    const shadow = Object.entries(methods).map(([name, value]) => [name, { value }] as const);
    this.facade = Object.create(native, Object.fromEntries(shadow)) as TFJSBinding;
  }

  private learn(outputs: readonly TensorMetadata[]): number[] {
    for (const { id, shape, dtype } of outputs) this.kinds.set(id, { shape, dtype });
    return outputs.map(({ id }) => id);
  }
}
