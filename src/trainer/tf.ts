/**
 * The one door to TensorFlow.js: everything in the trainer imports `tf` from here, so that the bundle holds a single
 * copy of its engine, and the gradients are registered before anyone asks for one.
 */
import '@tensorflow/tfjs-core/dist/register_all_gradients';

export * from '@tensorflow/tfjs-core';
