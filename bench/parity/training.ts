import * as z from 'zod';
import { countCorrect } from '../../src/trainer/evaluate';
import { withChanges, type Method } from '../../src/trainer/methods/method';
import { createMethod } from '../../src/trainer/methods/registry';
import type { Model } from '../../src/trainer/models/model';
import { oneHot } from '../../src/trainer/ops/crossEntropy';
import { createOptimizer } from '../../src/trainer/optimizers/registry';
import type { Optimizer } from '../../src/trainer/optimizers/optimizer';
import { createTrainStep, lossAndGradients, type TrainStep } from '../../src/trainer/step';
import { NumpyRandom } from '../../src/trainer/random';
import { drawFrom, type Compile } from '../../src/trainer/runtimes/program';
import { coverageTable, selectiveAnswers } from '../../src/trainer/selective';
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
  beta: z.number().optional(),
  epsilon: z.number().optional(),
  step_size: z.number().optional(),
  steps: z.int().optional(),
  num_classes: z.int(),
  outputs: z.int(),
  n_train: z.int(),
  epoch_values: z.array(z.int()),
  coverage_results: z
    .object({
      float64: z.object({
        top_floor_c_n_by_reservation: z.array(z.object({ coverage: z.number(), accepted: z.int(), errors: z.int() })),
      }),
    })
    .optional(),
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
    with_stored_x_adv: z
      .object({
        free_run_loss_abs_by_epoch: z.array(z.number()),
        step0_grad_abs: z.number(),
        after_steps_1_to_3_weights_abs: z.array(z.number()),
      })
      .optional(),
    'x_adv_first_step_share_of_pixels_off_by_more_than_1e-4': z.number().optional(),
  }),
});
type Scalars = z.output<typeof scalarsSchema>;

/** Which methods of the trainer the trajectories replay, and with which options. */
const methodOf: Record<string, (scalars: Scalars) => MethodConfig> = {
  erm: () => ({ name: 'erm' }),
  sat: ({ alpha = 0.9, es = 0 }) => ({ name: 'sat', alpha, startEpoch: es }),
  selective_sat: ({ alpha = 0.9, es = 0 }) => ({ name: 'selective_sat', alpha, pretrainEpochs: es }),
  trades: (scalars) => ({ name: 'trades', ...perturbationOf(scalars) }),
  trades_sat: (scalars) => ({
    name: 'trades_sat',
    ...perturbationOf(scalars),
    alpha: scalars.alpha ?? 0.9,
    startEpoch: scalars.es ?? 0,
  }),
};

function perturbationOf({ beta = 6, epsilon = 0.031, step_size = 0.007, steps = 10 }: Scalars) {
  return { beta, epsilon, stepSize: step_size, steps };
}

/** Gives out stored numbers in place of normal ones. */
class StoredNumbers extends NumpyRandom {
  private next = 0;

  constructor(private readonly numbers: Float32Array) {
    super(0);
  }

  override randn(): number {
    const number = this.numbers[this.next];
    if (number === undefined) throw new Error('more random numbers were drawn than are stored');
    this.next += 1;
    return number;
  }
}

/** Takes the numbers that it draws for the perturbed images themselves, in place of an attack. */
const drawsPerturbed: Method['prepare'] = (_model, batch) =>
  withChanges(batch, { adversarial: batch.random.normal(batch.images.shape) as tf.Tensor4D });

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
    ...replay.coverage(),
    ...replay.singleEpochs(),
    ...replay.freeRun(),
    ...replay.storedPerturbations(),
    ...replay.firstPerturbation(),
  ];
}

/** Where the perturbed images come from: an attack from the stored noise, or the fixture. */
type Source = 'randn' | 'x_adv';

interface Trainee {
  source: Source;
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
    const { step0 } = this.scalars.tolerance;
    const { logits, gradients } = this.firstStepDeviations(this.trainee('init'));
    return [
      { what: 'step 0: logits', deviation: logits, tolerance: step0.logits_abs },
      { what: 'step 0: gradients', deviation: gradients, tolerance: step0.grad_abs },
    ];
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

  /** The same, with the stored perturbed images in place of an attack, whose signs rounding can turn. */
  storedPerturbations(): Check[] {
    const tolerance = this.scalars.tolerance.with_stored_x_adv;
    if (!tolerance) return [];
    const trainee = () => this.trainee('init', 'x_adv');
    const threeSteps = trainee();
    const freeRun = trainee();
    return [
      {
        what: 'stored x_adv, step 0: gradients',
        deviation: this.firstStepDeviations(trainee()).gradients,
        tolerance: tolerance.step0_grad_abs,
      },
      ...tolerance.after_steps_1_to_3_weights_abs.map((allowed, i) => {
        this.step(threeSteps, 0, i);
        return {
          what: `stored x_adv: weights after step ${i + 1}`,
          deviation: this.weightDeviation(threeSteps.model, `after_step${i + 1}`),
          tolerance: allowed,
        };
      }),
      ...tolerance.free_run_loss_abs_by_epoch.map((allowed, epoch) => ({
        what: `stored x_adv, epoch ${epoch}: loss`,
        deviation: this.epochLossDeviation(freeRun, epoch),
        tolerance: allowed,
      })),
    ];
  }

  /** Share of the first batch's pixels that the attack puts elsewhere. */
  firstPerturbation(): Check[] {
    const tolerance = this.scalars.tolerance['x_adv_first_step_share_of_pixels_off_by_more_than_1e-4'];
    if (tolerance === undefined) return [];
    const { model, method } = this.trainee('init');
    const made = tf.tidy(() => method.prepare?.(model, this.batch('randn', 0, 0)).adversarial?.dataSync());
    const stored = this.pixels('x_adv', 0, 0);
    const off = stored.filter((value, i) => !(Math.abs(value - (made?.[i] ?? NaN)) <= 1e-4)).length;
    return [{ what: 'first x_adv: share of pixels elsewhere', deviation: off / stored.length, tolerance }];
  }

  storedStates(): Check[] {
    const { test_logits_abs, accuracy_counts_abs } = this.scalars.tolerance.eval_from_stored_state;
    const { n_train } = this.scalars;
    const counts: number[] = [];
    let logitsDeviation = Infinity;
    this.scalars.accuracy_counts.forEach((expected, epoch) => {
      const { model } = this.trainee(this.nameOf(epoch));
      const logits = tf.tidy(() => model.forward(this.digits.images, 'eval').dataSync<'float32'>());
      const { outputs: k, num_classes: classes } = this.scalars;
      const [training, test] = [logits.subarray(0, n_train * k), logits.subarray(n_train * k)];
      const [trueLabels, testLabels] = [this.digits.labels.subarray(0, n_train), this.digits.labels.subarray(n_train)];
      counts.push(
        Math.abs(countCorrect(training, this.given, classes) - expected.train_eval_given),
        Math.abs(countCorrect(training, trueLabels, classes) - expected.train_eval_clean),
        Math.abs(countCorrect(test, testLabels, classes) - expected.test),
      );
      if (epoch === this.lastEpoch) logitsDeviation = this.deviation('test_logits_final', test);
    });
    return [
      { what: 'stored final state: test logits', deviation: logitsDeviation, tolerance: test_logits_abs },
      { what: 'stored states: accuracy counts', deviation: Math.max(...counts), tolerance: accuracy_counts_abs },
    ];
  }

  /** The table of coverages of the final state, by exact counts. */
  coverage(): Check[] {
    const { coverage_results: results, n_train, num_classes } = this.scalars;
    if (!results) return [];
    const { model } = this.trainee('final');
    const logits = tf.tidy(() => model.forward(this.digits.images, 'eval').dataSync<'float32'>());
    const test = logits.subarray(n_train * this.scalars.outputs);
    const answers = selectiveAnswers(test, this.digits.labels.subarray(n_train), num_classes);
    const expected = results.float64.top_floor_c_n_by_reservation;
    const table = coverageTable(
      answers,
      expected.map(({ coverage }) => coverage),
    );
    const differences = table.flatMap(({ accepted, errors }, i) => [
      Math.abs(accepted - (expected[i]?.accepted ?? NaN)),
      Math.abs(errors - (expected[i]?.errors ?? NaN)),
    ]);
    return [{ what: 'coverage: accepted and errors', deviation: Math.max(...differences), tolerance: 0 }];
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

  private trainee(state: string, source: Source = 'randn'): Trainee {
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
    const made = createMethod(create(scalars), { targets: this.targets });
    const method = source === 'x_adv' && drawsPerturbed ? { ...made, prepare: drawsPerturbed } : made;
    const trainStep = createTrainStep({ model, method, optimizer }, this.compile);
    return { source, model, method, optimizer, trainStep };
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

  /** The stored pixels of one batch: normal numbers or perturbed images, in the order of its rows. */
  private pixels(source: Source, epoch: number, step: number): Float32Array {
    const { batch, n_train } = this.scalars;
    const size = 64;
    const from = epoch * n_train;
    return this.fixture
      .floats(source)
      .subarray((from + step * batch) * size, (from + Math.min((step + 1) * batch, n_train)) * size);
  }

  private random(source: Source, epoch: number, step: number): NumpyRandom {
    return this.fixture.has(source) ? new StoredNumbers(this.pixels(source, epoch, step)) : new NumpyRandom(0);
  }

  private batch(source: Source, epoch: number, step: number) {
    return {
      ...this.inputs(epoch, step),
      epoch: this.epochValue(epoch),
      random: drawFrom(this.random(source, epoch, step)),
    };
  }

  private firstStepDeviations({ source, model, method }: Trainee): { logits: number; gradients: number } {
    return tf.tidy(() => {
      const { gradients, logits } = lossAndGradients(model, method, this.batch(source, 0, 0));
      const layouts = new Map(model.weights.map(({ name, layout }) => [name, layout]));
      const deviations = [...gradients].map(([name, gradient]) =>
        this.deviation(`step0/grad/${name}`, fileValues(gradient, layouts.get(name) ?? 'plain')),
      );
      return { logits: this.deviation('step0/logits', logits.dataSync()), gradients: Math.max(...deviations) };
    });
  }

  private step({ source, trainStep }: Trainee, epoch: number, step: number): number {
    const call = { epoch: this.epochValue(epoch), random: this.random(source, epoch, step) };
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
