import * as z from 'zod';
import type { MethodConfig } from '../../src/protocol/methods';
import type { Method } from '../../src/trainer/methods/method';
import { createMethod, methodOutputs } from '../../src/trainer/methods/registry';
import { oneHot } from '../../src/trainer/ops/crossEntropy';
import { fixedRandom } from '../../src/trainer/runtimes/program';
import * as tf from '../../src/trainer/tf';
import { largestDifference, type Check, type Fixture } from './fixture';

const scalarsSchema = z.object({
  n: z.int(),
  batch: z.int(),
  classes: z.int(),
  visits: z.int(),
  results: z.record(z.string(), z.unknown()),
});

/** Limits from the fixtures' own page: float32 drifts by at most 5e-7. */
const tolerances = { loss: 1e-5, gradient: 1e-6, state: 1e-6 };

/** The adversarial logits are given. */
const noPerturbation = { epsilon: 0, stepSize: 0, steps: 0 };

/** Single calls that the trainer's methods can make, by the name in the fixture. */
const methodOf: Record<string, MethodConfig> = {
  ce: { name: 'erm' },
  'sat_a0.9': { name: 'sat', alpha: 0.9, startEpoch: 1 },
  sat_a1: { name: 'sat', alpha: 1, startEpoch: 0 },
  sat_a0: { name: 'sat', alpha: 0, startEpoch: 0 },
  'sat_sce_a0.9': { name: 'sat_sce', alpha: 0.9, startEpoch: 1, reverseWeight: 0.3 },
  'selective_a0.9': { name: 'selective_sat', alpha: 0.9, pretrainEpochs: 0 },
  'selective_a0.99': { name: 'selective_sat', alpha: 0.99, pretrainEpochs: 0 },
  'deep_gambler_o2.2': { name: 'deep_gamblers', reward: 2.2, pretrainEpochs: 0 },
  trades_b6: { name: 'trades', beta: 6, ...noPerturbation },
  'trades_sat_b4_a0.9': { name: 'trades_sat', beta: 4, alpha: 0.9, startEpoch: 1, ...noPerturbation },
};

/** Repeats single calls of the losses. @returns the comparisons, and the names that no method replays yet */
export function replayUnitLosses(fixture: Fixture): { checks: Check[]; unsupported: string[] } {
  const scalars = fixture.scalars(scalarsSchema);
  const names = Object.keys(scalars.results);
  return {
    checks: names.flatMap((name) => {
      const config = methodOf[name];
      return config ? replayLoss(fixture, name, config, scalars) : [];
    }),
    unsupported: names.filter((name) => !(name in methodOf)),
  };
}

function replayLoss(
  fixture: Fixture,
  name: string,
  config: MethodConfig,
  { n, batch, classes, visits }: z.output<typeof scalarsSchema>,
): Check[] {
  const targets = oneHot(fixture.integers('labels').slice(0, n), classes);
  const method = createMethod(config, { targets });
  const outputs = methodOutputs(config.name, classes);
  const deviations = { loss: [0], gradient: [0], state: [0] };
  for (let visit = 0; visit < visits; visit += 1) {
    const indices = tf.tensor1d(fixture.integers('index').slice(visit * batch, (visit + 1) * batch), 'int32');
    const size = batch * outputs;
    const part = (tensor: string, length: number) =>
      fixture.floats(tensor).subarray(visit * length, (visit + 1) * length);
    const logits = tf.tensor2d(part(outputs > classes ? 'logits_with_abstention' : 'logits', size), [batch, outputs]);
    const adversarialLogits = tf.tensor2d(part('logits_adversarial', batch * classes), [batch, classes]);
    const result = call(method, logits, adversarialLogits, tf.gather(targets, indices), indices, visit);
    deviations.loss.push(largestDifference([result.loss], part(`${name}/loss`, 1)));
    deviations.gradient.push(largestDifference(result.gradient, part(`${name}/grad`, size)));
    if (fixture.has(`${name}/grad_adv`)) {
      deviations.gradient.push(largestDifference(result.adversarialGradient, part(`${name}/grad_adv`, size)));
    }
    if (method.softTargets) {
      deviations.state.push(largestDifference(method.softTargets.dataSync(), part(`${name}/state`, n * classes)));
    }
  }
  const check = (what: keyof typeof tolerances): Check => ({
    what: `${name}: ${what}`,
    deviation: Math.max(...deviations[what]),
    tolerance: tolerances[what],
  });
  return [check('loss'), check('gradient'), ...(method.softTargets ? [check('state')] : [])];
}

/** One call with the logits themselves in place of a network. */
function call(
  method: Method,
  logits: tf.Tensor2D,
  adversarialLogits: tf.Tensor2D,
  targets: tf.Tensor2D,
  indices: tf.Tensor1D,
  epoch: number,
) {
  const images = tf.zeros<tf.Rank.R4>([1, 1, 1, 1]);
  const adversarial = tf.zeros<tf.Rank.R4>([1, 1, 1, 1]);
  const { value, grads } = tf.valueAndGrads((natural, perturbed) => {
    const forward = (x: tf.Tensor4D) => (x === adversarial ? perturbed : natural) as tf.Tensor2D;
    const batch = { images, adversarial, targets, indices, epoch, random: fixedRandom(0) };
    const { loss } = method.loss({ weights: [], forward }, batch);
    // A method that never sees the perturbed images has a gradient of zero for them.
    return tf.add<tf.Scalar>(loss, tf.mul(tf.sum(perturbed), 0));
  })([logits, adversarialLogits]);
  const [gradient, adversarialGradient] = grads.map((grad) => grad.dataSync<'float32'>());
  if (!gradient || !adversarialGradient) throw new Error('unreachable');
  return { loss: value.dataSync()[0] ?? NaN, gradient, adversarialGradient };
}
