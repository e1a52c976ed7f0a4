import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { methodSchema } from '../../src/protocol/methods';
import { modelSchema } from '../../src/protocol/models';
import { optimizerSchema } from '../../src/protocol/optimizers';
import { attackSchema } from '../../src/protocol/attacks';
import { createAttack } from '../../src/trainer/attacks/registry';
import { createVictim } from '../../src/trainer/attacks/victim';
import { createMethod } from '../../src/trainer/methods/registry';
import { createModel } from '../../src/trainer/models/registry';
import { oneHot } from '../../src/trainer/ops/crossEntropy';
import { createOptimizer } from '../../src/trainer/optimizers/registry';
import { NumpyRandom } from '../../src/trainer/random';
import { startRuntime, type Runtime } from '../../src/trainer/runtimes';
import { createTrainStep } from '../../src/trainer/step';
import * as tf from '../../src/trainer/tf';

/** One thing to be timed; the other side, peer.py, takes the same. */
const taskSchema = z.object({
  what: z.enum(['train', 'forward', 'pgd']),
  model: modelSchema,
  method: z.enum(['erm', 'sat']),
  batch: z.int(),
  shape: z.tuple([z.int(), z.int(), z.int()]),
  steps: z.int(),
});
type Task = z.output<typeof taskSchema>;

/** Makes one step of a task, to be called again and again. */
function prepare(
  { what, model: options, method: methodName, batch: n, shape }: Task,
  { compile }: Runtime,
): () => unknown {
  const random = new NumpyRandom(0);
  const classes = 10;
  const model = createModel(options, { input: shape, outputs: classes, random });
  const pixels = Float32Array.from({ length: n * shape[0] * shape[1] * shape[2] }, () => random.random());
  const images = tf.tensor4d(pixels, [n, ...shape]);
  const labels = random.choice(classes, n, true);
  const targets = oneHot(labels, classes);
  const call = { epoch: 100, random };
  if (what === 'train') {
    const method = createMethod(methodSchema.parse({ name: methodName }), { targets });
    const optimizer = createOptimizer(optimizerSchema.parse({ name: 'sgd' }), model.weights);
    const step = createTrainStep({ model, method, optimizer }, compile);
    const indices = tf.tensor1d(
      Int32Array.from({ length: n }, (_, i) => i),
      'int32',
    );
    return () => step({ images, targets, indices }, call, 0.01);
  }
  if (what === 'pgd') {
    const victim = createVictim(model, { shape, classes }, compile, () => Promise.resolve());
    const [part] = createAttack(attackSchema.parse({ name: 'pgd20' }), classes);
    return () => part?.attack(victim, { images: pixels, labels }, random);
  }
  const program = compile(({ x }: { x: tf.Tensor }) => ({ out: model.forward(x as tf.Tensor4D, 'eval') }));
  return () => tf.tidy(() => void program({ x: images }, call).out.dataSync());
}

async function main(): Promise<void> {
  const name = process.argv[2] === 'wasm' ? 'wasm' : 'tensorflow';
  const runtime = await startRuntime({ runtime: name, device: 'auto' }, join(__dirname, '../dist/wasm'));
  const prepared = new Map<string, () => unknown>();
  for await (const line of createInterface({ input: process.stdin })) {
    const { steps, ...task } = taskSchema.parse(JSON.parse(line));
    const key = JSON.stringify(task);
    let step = prepared.get(key);
    if (!step) {
      step = prepare({ ...task, steps }, runtime);
      prepared.set(key, step);
      for (let i = 0; i < 3; i += 1) await step();
    }
    const milliseconds: number[] = [];
    for (let i = 0; i < steps; i += 1) {
      const start = performance.now();
      await step();
      milliseconds.push(performance.now() - start);
    }
    console.log(JSON.stringify({ milliseconds, peak_bytes: process.resourceUsage().maxRSS * 1024 }));
  }
}

void main();
