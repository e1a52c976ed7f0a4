import * as z from 'zod';
import { countCorrect } from '../../src/trainer/evaluate';
import type { Method } from '../../src/trainer/methods/method';
import { createMethod } from '../../src/trainer/methods/registry';
import type { Model } from '../../src/trainer/models/model';
import { oneHot } from '../../src/trainer/ops/crossEntropy';
import { createOptimizer } from '../../src/trainer/optimizers/registry';
import type { Optimizer } from '../../src/trainer/optimizers/optimizer';
import { createTrainStep, lossAndGradients, type TrainStep } from '../../src/trainer/step';
import { NumpyRandom } from '../../src/trainer/random';
import { fixedRandom, type Compile } from '../../src/trainer/runtimes/program';
import * as tf from '../../src/trainer/tf';
import type { MethodConfig } from '../../src/protocol/methods';
import { largestDifference, readDigits, type Check, type Fixture } from './fixture';
import { fileValues, loadMomentum, loadWeights, parityNetwork } from './network';

const scalarsSchema = z.object({
  kind: z.string(),
  epochs: z.int(),
  batch: z.int(),
  lr: z.number(),
  momentum: z.number(),
  weight_decay: z.number(),
  alpha: z.number().optional(),
  es: z.int().optional(),
  num_classes: z.int(),
  outputs: z.int(),
  n_train: z.int(),
  epoch_values: z.array(z.int()),
  accuracy_counts: z.array(
    z.object({
      train_running_given: z.int(),
      train_eval_given: z.int(),
      train_eval_clean: z.int(),
      test: z.int(),
    }),
  ),
  tolerance: z.object({
    step0: z.object({ logits_abs: z.number(), grad_abs: z.number() }),
    after_steps_1_to_3_weights_abs: z.array(z.number()),
    eval_from_stored_state: z.object({ test_logits_abs: z.number(), accuracy_counts_abs: z.number() }),
    one_epoch_from_stored_state: z.object({
      loss_abs: z.number(),
      weights_abs: z.number(),
      soft_labels_abs: z.number().optional(),
    }),
    free_run: z.object({
      loss_abs_by_epoch: z.array(z.number()),
      final_weights_abs: z.number(),
      soft_labels_abs_by_epoch: z.array(z.number()).optional(),
    }),
  }),
});
type Scalars = z.output<typeof scalarsSchema>;

/** Which methods of the trainer the trajectories replay, and with which options. */
const methodOf: Record<string, (scalars: Scalars) => MethodConfig> = {
  erm: () => ({ name: 'erm' }),
  sat: ({ alpha = 0.9, es = 0 }) => ({ name: 'sat', alpha, startEpoch: es }),
};

export function canReplayTraining(kind: string): boolean {
  return kind in methodOf;
}

/** Repeats a training trajectory with the trainer's own steps, and makes every comparison that its folder asks for. */
export function replayTraining(fixture: Fixture, compile: Compile): Check[] {
  const replay = new Replay(fixture, compile);
  return [
    ...replay.firstStep(),
    ...replay.firstThreeSteps(),
    ...replay.storedStates(),
    ...replay.singleEpochs(),
    ...replay.freeRun(),
  ];
}

interface Trainee {
  model: Model;
  method: Method;
  optimizer: Optimizer;
  trainStep: TrainStep;
}

class Replay {
  private readonly scalars: Scalars;
  private readonly digits: ReturnType<typeof readDigits>;
  private readonly targets: tf.Tensor2D;
  private readonly given: Int32Array;
  private readonly stepsPerEpoch: number;
  private readonly lastEpoch: number;

  constructor(
    private readonly fixture: Fixture,
    private readonly compile: Compile,
  ) {
    this.scalars = fixture.scalars(scalarsSchema);
    this.digits = readDigits(fixture.root);
    this.given = fixture.integers('labels_given');
    this.targets = oneHot(this.given, this.scalars.num_classes);
    this.stepsPerEpoch = Math.ceil(this.scalars.n_train / this.scalars.batch);
    this.lastEpoch = this.scalars.epochs - 1;
  }

  firstStep(): Check[] {
    const trainee = this.trainee('init');
    const { step0 } = this.scalars.tolerance;
    return tf.tidy(() => {
      const { gradients, logits } = lossAndGradients(trainee.model, trainee.method, {
        ...this.inputs(0, 0),
        epoch: this.epochValue(0),
        random: fixedRandom(0),
      });
      const layouts = new Map(trainee.model.weights.map(({ name, layout }) => [name, layout]));
      const deviations = [...gradients].map(([name, gradient]) =>
        this.deviation(`step0/grad/${name}`, fileValues(gradient, layouts.get(name) ?? 'plain')),
      );
      return [
        {
          what: 'step 0: logits',
          deviation: this.deviation('step0/logits', logits.dataSync()),
          tolerance: step0.logits_abs,
        },
        { what: 'step 0: gradients', deviation: Math.max(...deviations), tolerance: step0.grad_abs },
      ];
    });
  }

  firstThreeSteps(): Check[] {
    const trainee = this.trainee('init');
    return this.scalars.tolerance.after_steps_1_to_3_weights_abs.map((tolerance, i) => {
      this.step(trainee, 0, i);
      return {
        what: `weights after step ${i + 1}`,
        deviation: this.weightDeviation(trainee.model, `after_step${i + 1}`),
        tolerance,
      };
    });
  }

  storedStates(): Check[] {
    const { test_logits_abs, accuracy_counts_abs } = this.scalars.tolerance.eval_from_stored_state;
    const { n_train } = this.scalars;
    const counts: number[] = [];
    let logitsDeviation = Infinity;
    this.scalars.accuracy_counts.forEach((expected, epoch) => {
      const { model } = this.trainee(this.nameOf(epoch));
      const logits = tf.tidy(() => model.forward(this.digits.images, 'eval').dataSync<'float32'>());
      const k = this.scalars.outputs;
      const [training, test] = [logits.subarray(0, n_train * k), logits.subarray(n_train * k)];
      counts.push(
        Math.abs(countCorrect(training, this.given) - expected.train_eval_given),
        Math.abs(countCorrect(training, this.digits.labels.subarray(0, n_train)) - expected.train_eval_clean),
        Math.abs(countCorrect(test, this.digits.labels.subarray(n_train)) - expected.test),
      );
      if (epoch === this.lastEpoch) logitsDeviation = this.deviation('test_logits_final', test);
    });
    return [
      { what: 'stored final state: test logits', deviation: logitsDeviation, tolerance: test_logits_abs },
      { what: 'stored states: accuracy counts', deviation: Math.max(...counts), tolerance: accuracy_counts_abs },
    ];
  }

  singleEpochs(): Check[] {
    const tolerance = this.scalars.tolerance.one_epoch_from_stored_state;
    const losses: number[] = [];
    const weights: number[] = [];
    const softLabels: number[] = [];
    for (let epoch = 1; epoch < this.scalars.epochs; epoch += 1) {
      const trainee = this.trainee(this.nameOf(epoch - 1));
      loadMomentum(trainee.model, trainee.optimizer, this.fixture, this.nameOf(epoch - 1));
      this.loadSoftLabels(trainee, epoch - 1);
      losses.push(this.epochLossDeviation(trainee, epoch));
      weights.push(this.weightDeviation(trainee.model, this.nameOf(epoch)));
      if (trainee.method.softTargets) softLabels.push(this.softLabelDeviation(trainee, epoch));
    }
    return [
      { what: 'one epoch from a stored state: loss', deviation: Math.max(...losses), tolerance: tolerance.loss_abs },
      {
        what: 'one epoch from a stored state: weights',
        deviation: Math.max(...weights),
        tolerance: tolerance.weights_abs,
      },
      ...(tolerance.soft_labels_abs === undefined
        ? []
        : [
            {
              what: 'one epoch from a stored state: soft labels',
              deviation: Math.max(...softLabels),
              tolerance: tolerance.soft_labels_abs,
            },
          ]),
    ];
  }

  freeRun(): Check[] {
    const { loss_abs_by_epoch, final_weights_abs, soft_labels_abs_by_epoch } = this.scalars.tolerance.free_run;
    const trainee = this.trainee('init');
    const checks: Check[] = [];
    for (let epoch = 0; epoch < this.scalars.epochs; epoch += 1) {
      checks.push({
        what: `free run, epoch ${epoch}: loss`,
        deviation: this.epochLossDeviation(trainee, epoch),
        tolerance: loss_abs_by_epoch[epoch] ?? 0,
      });
      if (soft_labels_abs_by_epoch) {
        checks.push({
          what: `free run, epoch ${epoch}: soft labels`,
          deviation: this.softLabelDeviation(trainee, epoch),
          tolerance: soft_labels_abs_by_epoch[epoch] ?? 0,
        });
      }
    }
    checks.push({
      what: 'free run: final weights',
      deviation: this.weightDeviation(trainee.model, 'final'),
      tolerance: final_weights_abs,
    });
    return checks;
  }

  private nameOf(epoch: number): string {
    return epoch === this.lastEpoch ? 'final' : `epoch${epoch}`;
  }

  private trainee(state: string): Trainee {
    const { scalars } = this;
    const create = methodOf[scalars.kind];
    if (!create) throw new Error(`${this.fixture.name}: no method replays ${scalars.kind}`);
    const model = parityNetwork(scalars.outputs);
    loadWeights(model, this.fixture, state);
    const optimizer = createOptimizer(
      {
        name: 'sgd',
        learningRate: scalars.lr,
        momentum: scalars.momentum,
        weightDecay: scalars.weight_decay,
        schedule: { name: 'constant' },
      },
      model.weights,
    );
    const method = createMethod(create(scalars), { targets: this.targets });
    const trainStep = createTrainStep({ model, method, optimizer }, this.compile);
    return { model, method, optimizer, trainStep };
  }

  private inputs(epoch: number, step: number) {
    const { batch, n_train } = this.scalars;
    const order = this.fixture.integers('order').subarray(epoch * n_train, (epoch + 1) * n_train);
    const indices = tf.tensor1d(order.slice(step * batch, (step + 1) * batch), 'int32');
    return {
      images: tf.gather(this.digits.images, indices),
      targets: tf.gather(this.targets, indices),
      indices,
    };
  }

  private epochValue(epoch: number): number {
    return this.scalars.epoch_values[epoch] ?? epoch;
  }

  private step({ trainStep }: Trainee, epoch: number, step: number): number {
    const call = { epoch: this.epochValue(epoch), random: new NumpyRandom(0) };
    return tf.tidy(() => trainStep(this.inputs(epoch, step), call, this.scalars.lr).loss);
  }

  private epochLossDeviation(trainee: Trainee, epoch: number): number {
    const expected = this.fixture.floats('loss').subarray(epoch * this.stepsPerEpoch, (epoch + 1) * this.stepsPerEpoch);
    return largestDifference(
      Array.from(expected, (_, i) => this.step(trainee, epoch, i)),
      expected,
    );
  }

  private weightDeviation(model: Model, prefix: string): number {
    return Math.max(
      ...model.weights.map(({ name, variable, layout }) =>
        this.deviation(`${prefix}/${name}`, fileValues(variable, layout)),
      ),
    );
  }

  private storedSoftLabels(epoch: number): Float32Array {
    const size = this.scalars.n_train * this.scalars.num_classes;
    return this.fixture.floats('soft_labels').subarray(epoch * size, (epoch + 1) * size);
  }

  private loadSoftLabels({ method }: Trainee, epoch: number): void {
    const { softTargets } = method;
    if (softTargets) tf.tidy(() => softTargets.assign(tf.tensor(this.storedSoftLabels(epoch), softTargets.shape)));
  }

  private softLabelDeviation({ method }: Trainee, epoch: number): number {
    if (!method.softTargets) return Infinity;
    return largestDifference(method.softTargets.dataSync(), this.storedSoftLabels(epoch));
  }

  private deviation(name: string, values: ArrayLike<number>): number {
    return largestDifference(values, this.fixture.floats(name));
  }
}
