import { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend';
import '@tensorflow/tfjs-node-gpu/dist/register_all_kernels';
import type * as tf from '../../tf';
import { ObservedBinding, type TFJSBinding } from './binding';

/** What tfjs's backend keeps of a tensor. Values that were not needed yet are not in the binding: the id is -1 then. */
interface Stored {
  id: number;
  values: unknown;
}

/** The parts of tfjs's backend that its types call private, as they are in the version in the lock file. */
interface Internals {
  tensorMap: tf.DataStorage<Stored>;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(metadata: ReturnType<TFJSBinding['executeOp']>[number]): tf.Tensor;
}

/** Whoever holds newer values of some tensors than the backend does. */
export interface NewerValues {
  readonly tensors: ReadonlySet<tf.DataId>;
  /** Puts the newer values into the backend, by {@link TensorFlowBackend.replace}. */
  bringBack(): void;
}

/** tfjs's TensorFlow backend over an observed binding, whose tensors' newest values may be kept elsewhere for a while. */
export class TensorFlowBackend extends NodeJSKernelBackend {
  readonly observed: ObservedBinding;
  newer: NewerValues | undefined;
  private readonly internals: Internals;

  constructor(native: TFJSBinding) {
    const observed = new ObservedBinding(native);
    super(observed.facade, '@tensorflow/tfjs-node-gpu');
    this.observed = observed;
    // Its types hide what a recording has to know: which native tensor stands behind a tfjs one.
    const internals = this as unknown as Internals;
    this.internals = internals;
    const inputIds = internals.getInputTensorIds.bind(this);
    internals.getInputTensorIds = (tensors) => {
      this.refresh(tensors);
      return inputIds(tensors);
    };
  }

  /** The native tensors behind some tensors; of values that were not needed yet they are made now. */
  ids(tensors: readonly tf.TensorInfo[]): number[] {
    return this.internals.getInputTensorIds(tensors);
  }

  /** The native tensor behind one, without asking for newer values; -1 when there is none yet. */
  idBehind(dataId: tf.DataId): number {
    return this.internals.tensorMap.get(dataId).id;
  }

  /** Makes a tensor of a native one. */
  tensor(metadata: ReturnType<TFJSBinding['executeOp']>[number]): tf.Tensor {
    return this.internals.createOutputTensor(metadata);
  }

  /** Does something of which the listener shall not hear. */
  unheard<T>(action: () => T): T {
    const { listener } = this.observed;
    this.observed.listener = undefined;
    try {
      return action();
    } finally {
      this.observed.listener = listener;
    }
  }

  /** Puts another native tensor behind a tensor. */
  replace(dataId: tf.DataId, id: number): void {
    const stored = this.internals.tensorMap.get(dataId);
    if (stored.id >= 0) this.observed.facade.deleteTensor(stored.id);
    stored.id = id;
    stored.values = null;
  }

  override readSync(dataId: tf.DataId): tf.backend_util.BackendValues {
    this.refresh([{ dataId }]);
    this.observed.listener?.read();
    return super.readSync(dataId);
  }

  private refresh(tensors: readonly Pick<tf.TensorInfo, 'dataId'>[]): void {
    const { newer } = this;
    if (newer && tensors.some(({ dataId }) => newer.tensors.has(dataId))) newer.bringBack();
  }
}
