import * as tf from '../../tf';

/**
 * Stands in for the package `@tensorflow/tfjs` where tfjs-node asks for it: only its core is used, and the bundle must
 * not hold that twice.
 */
export * from '../../tf';

/** tfjs-node is compiled for an age without classes, and calls this as a function. */
export function KernelBackend(this: object): object {
  return Reflect.construct(tf.KernelBackend, [], this.constructor) as object;
}
KernelBackend.prototype = tf.KernelBackend.prototype;
