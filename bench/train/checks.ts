// What `npm run bench:train` says besides the comparison: one JSON line for each check named on the command line.
import { join } from 'node:path';
import { linearRegression, median, quantile, standardDeviation } from 'simple-statistics';
import { methodSchema, type MethodName } from '../../src/protocol/methods';
import { modelSchema } from '../../src/protocol/models';
import { optimizerSchema } from '../../src/protocol/optimizers';
import { drawTransforms } from '../../src/trainer/data/augment';
import { createMethod } from '../../src/trainer/methods/registry';
import { createModel } from '../../src/trainer/models/registry';
import { oneHot } from '../../src/trainer/ops/crossEntropy';
import { createOptimizer } from '../../src/trainer/optimizers/registry';
import { NumpyRandom } from '../../src/trainer/random';
import { startRuntime, type Runtime } from '../../src/trainer/runtimes';
import { createTrainStep } from '../../src/trainer/step';
import * as tf from '../../src/trainer/tf';

type Shape = [number, number, number];

/** Training on made images that lie where the runtime keeps them. @returns one step, on rows of the data set */
/** As `"augment": true`. */
const usual = { padding: 4, flip: true, rotation: 0 };

function training(runtime: Runtime, model: string, methodName: MethodName, shape: Shape, size: number) {
  const random = new NumpyRandom(0);
  const bytes = Uint8Array.from({ length: size * shape[0] * shape[1] * shape[2] }, () => random.raw() & 255);
  const targets = oneHot(random.choice(10, size, true), 10);
  const network = createModel(modelSchema.parse({ name: model }), { input: shape, outputs: 10, random });
  const method = createMethod(methodSchema.parse({ name: methodName }), { targets });
  const optimizer = createOptimizer(optimizerSchema.parse({ name: 'sgd' }), network.weights);
  const source = runtime.images(bytes, { shape, pixelScale: 255 });
  const step = createTrainStep({ model: network, method, optimizer }, runtime.compile, source.images);
  return (rows: Int32Array, augment: boolean) => {
    const indices = tf.tensor1d(rows, 'int32');
    const images = source.inputs(rows, augment ? drawTransforms(rows.length, random, usual) : undefined);
    const inputs = { ...images, targets: tf.gather(targets, indices), indices };
    step(inputs, { epoch: 100, random }, 0.01);
    tf.dispose(inputs);
  };
}

function timed(action: () => unknown): number {
  const start = performance.now();
  action();
  return performance.now() - start;
}

const firstRows = (n: number) => Int32Array.from({ length: n }, (_, i) => i);

/** Steps of two kinds by turns. @returns the ratio of their medians, with quartiles of the ratios of neighbours */
function alternate(first: () => unknown, second: () => unknown, pairs: number) {
  for (let i = 0; i < 3; i += 1) [first, second].forEach((action) => action());
  const times = Array.from({ length: pairs }, (_, i) => {
    // Each goes first as often as the other.
    const order = i % 2 === 0 ? [first, second] : [second, first];
    const [a = 0, b = 0] = order.map(timed);
    return i % 2 === 0 ? { a, b } : { a: b, b: a };
  });
  const ratios = times.map(({ a, b }) => b / a);
  // A median's interval at 95 %, by order statistics.
  const half = 0.98 / Math.sqrt(pairs);
  return {
    first: median(times.map(({ a }) => a)),
    second: median(times.map(({ b }) => b)),
    ratio: median(ratios),
    interval: [quantile(ratios, Math.max(0, 0.5 - half)), quantile(ratios, Math.min(1, 0.5 + half))],
  };
}

const checks: Record<string, (runtime: Runtime) => object> = {
  /** SAT's step against ERM's, ResNet-18, 64 images of 32×32×3. */
  overhead: (runtime) => {
    const [erm, sat] = (['erm', 'sat'] as const).map((name) => training(runtime, 'resnet18', name, [32, 32, 3], 256));
    const rows = firstRows(64);
    return alternate(
      () => erm?.(rows, false),
      () => sat?.(rows, false),
      25,
    );
  },

  /** Augmented batches from all over the data set against one batch without augmentation, ResNet-20, 128 images. */
  pipeline: (runtime) => {
    const step = training(runtime, 'resnet20', 'erm', [32, 32, 3], 20_000);
    const random = new NumpyRandom(1);
    const same = firstRows(128);
    return alternate(
      () => step(same, false),
      () => step(random.choice(20_000, 128, true), true),
      40,
    );
  },

  /**
   * Tensors and resident memory over 2,000 steps of small-cnn on 8×8 images, after a warm-up in which V8’s heap finds its
   * size; garbage is collected before each look, where Node was started with --expose-gc.
   */
  memory: (runtime) => {
    const step = training(runtime, 'small-cnn', 'sat', [8, 8, 1], 1437);
    const rows = firstRows(128);
    const [warmUp, every] = [6000, 100];
    const points: [number, number][] = [];
    const tensors = new Set<number>();
    for (let i = 0; i < warmUp + 2000; i += 1) {
      step(rows, true);
      if (i < warmUp || i % every !== 0) continue;
      globalThis.gc?.();
      points.push([i, process.memoryUsage.rss() / 1e6]);
      tensors.add(tf.memory().numTensors);
    }
    const { m, b } = linearRegression(points);
    const residuals = points.map(([x, y]) => y - m * x - b);
    const error =
      standardDeviation(residuals) / standardDeviation(points.map(([x]) => x)) / Math.sqrt(points.length - 2);
    // Student’s t for 18 degrees of freedom.
    const [low, high] = [m - 2.1 * error, m + 2.1 * error];
    return { tensorCounts: [...tensors], kilobytesPerStep: m * 1000, interval: [low * 1000, high * 1000] };
  },
};

async function main(): Promise<void> {
  const runtime = await startRuntime({ runtime: 'tensorflow', device: 'auto' }, join(__dirname, '../dist/wasm'));
  for (const name of process.argv.slice(2)) console.log(JSON.stringify({ name, ...checks[name]?.(runtime) }));
}

void main();
