import { beforeAll, describe, expect, it } from 'vitest';
import {
  attackSchema,
  attackTitles,
  type AttackConfig,
  type AttackName,
  type AutoattackVersion,
  type Norm,
} from '../../protocol/attacks';
import type { Model } from '../models/model';
import { NumpyRandom } from '../random';
import { attackSamples, isRobust, naturalSamples } from '../robustness';
import { eager, type Compile } from '../runtimes/program';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { autoPgd } from './apgd';
import { predictionsOf, type Halfway, type Pause } from './attack';
import { createAttack } from './registry';
import { createVictim, type Points, type Victim } from './victim';

beforeAll(useWasm);

const [side, channels, classes] = [6, 2, 5];
const size = side * side * channels;

/** A linear network, of which the distance to each boundary is known. */
const weights = (() => {
  const random = new NumpyRandom(3);
  return Float32Array.from({ length: size * classes }, () => random.randn());
})();
const linear: Model = {
  weights: [],
  forward: (images) => tf.matMul(tf.reshape(images, [-1, size]), tf.tensor2d(weights, [size, classes])),
};

function victimOf(model: Model = linear, between = () => Promise.resolve()): Victim {
  return createVictim(model, { shape: [side, side, channels], classes }, eager, between);
}

/** Grey images with a little noise, far from the box, with the labels that the network gives them. */
async function grey(n: number): Promise<Points> {
  const random = new NumpyRandom(5);
  const images = Float32Array.from({ length: n * size }, () => 0.5 + 0.1 * (random.random() - 0.5));
  const logits = await victimOf().logits(images);
  const labels = Int32Array.from({ length: n }, (_, i) => {
    const row = [...logits.subarray(i * classes, (i + 1) * classes)];
    return row.indexOf(Math.max(...row));
  });
  return { images, labels };
}

/** The smallest perturbation that changes the class of each image: margin over the dual norm of the weights' difference. */
async function distances({ images, labels }: Points, norm: Norm): Promise<number[]> {
  const logits = await victimOf().logits(images);
  return Array.from(labels, (label, row) => {
    const others = Array.from({ length: classes }, (_, c) => c).filter((c) => c !== label);
    return Math.min(
      ...others.map((c) => {
        const w = Array.from({ length: size }, (_, i) => weights[i * classes + label]! - weights[i * classes + c]!);
        const dual = norm === 'linf' ? w.reduce((sum, v) => sum + Math.abs(v), 0) : Math.hypot(...w);
        return (logits[row * classes + label]! - logits[row * classes + c]!) / dual;
      }),
    );
  });
}

/** The attack's images, and 1 where the natural and the perturbed image are classified right. */
async function attacked(attack: AttackConfig, { images, labels }: Points, victim = victimOf()) {
  const taken = (rows: readonly number[]) =>
    Float32Array.from(rows.flatMap((row) => [...images.subarray(row * size, (row + 1) * size)]));
  const subject = { labels, pixels: taken };
  const samples = await naturalSamples(victim, subject);
  const perturbed = images.slice();
  await attackSamples(victim, createAttack(attack, victim.classes), attack.seed, subject, samples, {
    unit: ({ rows, perturbed: part }) => {
      rows.forEach((row, i) => perturbed.set(part.subarray(i * size, (i + 1) * size), row * size));
    },
  });
  return {
    images: perturbed,
    correct: samples.map(({ prediction, label }) => (prediction === label ? 1 : 0)),
    robust: samples.map((sample) => (isRobust(sample) ? 1 : 0)),
  };
}

/** How far beyond the true distance each attack may need ε to be; undefined: no promise. */
const slack: Record<AttackName, number | undefined> = {
  fgsm: undefined,
  pgd: 1.1,
  pgd20: 1.1,
  'apgd-ce': 1.05,
  'apgd-dlr': 1.1,
  'apgd-t': 1.02,
  fab: 1.01,
  'fab-t': 1.01,
  square: 2.5,
  'multi-targeted': 1.02,
  autoattack: 1.01,
};

const names = Object.keys(attackTitles) as AttackName[];
const cases = names.flatMap((name) => (['linf', 'l2'] as const).map((norm) => [name, norm] as const));

describe.each(cases)('%s in %s', (name, norm) => {
  const options = (epsilon: number): AttackConfig => {
    const steps = ['pgd', 'pgd20', 'multi-targeted'].includes(name)
      ? { stepSize: epsilon / 10, steps: 40 }
      : ['apgd-ce', 'apgd-dlr', 'apgd-t'].includes(name)
        ? { steps: 40 }
        : name === 'square'
          ? { queries: 600 }
          : name === 'autoattack'
            ? { version: 'standard' }
            : {};
    return attackSchema.parse({ name, norm, epsilon: Math.max(epsilon, 1e-9), ...steps });
  };

  it('fools an image when the boundary is within ε, and never when it is not', async () => {
    const points = await grey(1);
    const [distance] = await distances(points, norm);
    const short = await attacked(
      name === 'autoattack' ? apgdOnly(norm, distance! * 0.98) : options(distance! * 0.98),
      points,
    );
    expect([...short.robust]).toEqual([1]);
    const { [name]: factor } = slack;
    if (factor === undefined) return;
    const long = await attacked(options(distance! * factor), points);
    expect([...long.robust]).toEqual([0]);
  });

  it('stays within ε and [0, 1], and is the same each time', async () => {
    const points = await grey(6);
    points.images.fill(0, 0, 30);
    points.images.fill(1, size, size + 30);
    const epsilon = norm === 'linf' ? 0.2 : 1;
    const first = await attacked(options(epsilon), points);
    const move = points.images.map((x, i) => first.images[i]! - x);
    for (let row = 0; row < 6; row += 1) {
      const values = move.subarray(row * size, (row + 1) * size);
      const length = norm === 'linf' ? Math.max(...values.map(Math.abs)) : Math.hypot(...values);
      expect(length).toBeLessThanOrEqual(epsilon + 1e-6);
    }
    expect(Math.min(...first.images)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...first.images)).toBeLessThanOrEqual(1);
    expect(first.robust.some((flag, i) => flag === 0 && first.correct[i] === 1)).toBe(true);
    expect(await attacked(options(epsilon), points)).toEqual(first);
  });
});

describe.each(['pgd20', 'pgd', 'multi-targeted'] as const)('%s without a step size', (name) => {
  /** Changes its mind when the pixels are 0.25 brighter than grey, on average. */
  const distant: Model = {
    weights: [],
    forward: (images) => {
      const brightness = tf.mean<tf.Tensor2D>(tf.reshape(images, [-1, size]), 1, true);
      return tf.concat2d([tf.fill([images.shape[0], 1], 0.75), brightness], 1);
    },
  };
  const points = { images: new Float32Array(size).fill(0.5), labels: Int32Array.of(0) };
  const victim = createVictim(distant, { shape: [side, side, channels], classes: 2 }, eager, () => Promise.resolve());
  const robust = async (options: object) =>
    (await attacked(attackSchema.parse({ name, ...options }), points, victim)).robust;

  it('comes to the end of a large ball', async () => {
    expect(await robust({ epsilon: 0.24 })).toEqual([1]);
    expect(await robust({ epsilon: 0.3 })).toEqual([0]);
    expect(await robust({ epsilon: 0.3 * Math.sqrt(size), norm: 'l2' })).toEqual([0]);
    expect(await robust({ epsilon: 0.3, stepSize: 0.003 })).toEqual([1]);
  });
});

/** The last part of AutoAttack would spend its 5,000 queries on an image that stays robust. */
function apgdOnly(norm: Norm, epsilon: number): AttackConfig {
  return attackSchema.parse({ name: 'apgd-t', norm, epsilon });
}

describe('attacks', () => {
  it('see only what is classified right', async () => {
    const points = await grey(3);
    points.labels[1] = (points.labels[1]! + 1) % classes;
    const seen: number[] = [];
    const victim = victimOf();
    const watched: Victim = {
      ...victim,
      gradient: (loss, left, targets) => {
        seen.push(left.labels.length);
        return victim.gradient(loss, left, targets);
      },
    };
    const { correct, robust } = await attacked(attackSchema.parse({ name: 'fgsm', epsilon: 1e-6 }), points, watched);
    expect(seen).toEqual([2]);
    expect([...correct]).toEqual([1, 0, 1]);
    expect([...robust]).toEqual([1, 0, 1]);
  });

  it('end with what is thrown between two calls', async () => {
    let calls = 0;
    const victim = victimOf(linear, () => {
      calls += 1;
      return calls > 5 ? Promise.reject(new Error('stop')) : Promise.resolve();
    });
    await expect(attacked(attackSchema.parse({ name: 'pgd20' }), await grey(2), victim)).rejects.toThrow('stop');
    expect(calls).toBe(6);
  });

  it('say when there are too few classes for them, and which would do', () => {
    const needs = (name: AttackName, more = {}) =>
      [1, 2, 3, 4].find((k) => {
        try {
          return createAttack(attackSchema.parse({ name, ...more }), k).length > 0;
        } catch {
          return false;
        }
      });
    expect(names.map((name) => [name, needs(name)])).toEqual([
      ['fgsm', 1],
      ['pgd', 1],
      ['pgd20', 1],
      ['apgd-ce', 1],
      ['apgd-dlr', 3],
      ['apgd-t', 4],
      ['fab', 2],
      ['fab-t', 2],
      ['square', 2],
      ['multi-targeted', 2],
      ['autoattack', 4],
    ]);
    expect(['rand', '2020', 'plus'].map((version) => needs('autoattack', { version }))).toEqual([3, 3, 4]);
    expect(() => createAttack(attackSchema.parse({ name: 'autoattack' }), 2)).toThrow(
      'AutoAttack needs 4 classes, the data have 2. ' +
        'Choose one of fgsm, pgd, pgd20, apgd-ce, fab, fab-t, square, multi-targeted.',
    );
  });

  it.each([
    [2, 'fab-t'],
    [2, 'multi-targeted'],
    [2, 'square'],
    [3, 'apgd-dlr'],
    [4, 'apgd-t'],
  ] as const)('work with %i classes: %s', async (k, name) => {
    const few: Model = {
      weights: [],
      forward: (x) => tf.slice(linear.forward(x, 'eval'), [0, 0], [-1, k]),
    };
    const victim = createVictim(few, { shape: [side, side, channels], classes: k }, eager, () => Promise.resolve());
    const { images } = await grey(4);
    const points = { images, labels: predictionsOf(await victim.logits(images), 4) };
    expect((await attacked(attackSchema.parse({ name, epsilon: 0.5 }), points, victim)).robust).toEqual([0, 0, 0, 0]);
  });

  it('leave the output of a network that abstains alone', async () => {
    // The sixth output is by far the largest, and says nothing of the class.
    const abstaining: Model = {
      weights: [],
      forward: (x) => tf.concat2d([linear.forward(x, 'eval'), tf.fill([x.shape[0], 1], 1e3)], 1),
    };
    const points = await grey(3);
    for (const name of ['pgd20', 'apgd-t', 'square'] as const) {
      const attack = attackSchema.parse({ name, epsilon: 0.02 });
      expect(await attacked(attack, points, victimOf(abstaining))).toEqual(await attacked(attack, points));
    }
  });
});

describe('a victim whose programs are recorded', () => {
  it('asks for few numbers of rows, and answers as without that', async () => {
    const asked = new Set<number>();
    const recorded: Compile = (body) => {
      const program = eager(body);
      return (inputs, call) => {
        Object.values(inputs).forEach(({ shape }) => asked.add(shape[0]));
        return program(inputs, call);
      };
    };
    const victim = createVictim(linear, { shape: [side, side, channels], classes }, recorded, () => Promise.resolve());
    const { images, labels } = await grey(40);
    const before = tf.memory().numTensors;
    for (const n of [40, 39, 33, 32, 31, 20, 17, 5, 1]) {
      const points = { images: images.slice(0, n * size), labels: labels.slice(0, n) };
      expect(await victim.logits(points.images)).toEqual(await victimOf().logits(points.images));
      const targets = points.labels.map((label) => (label + 1) % classes);
      const wanted = await victimOf().gradient('dlr-targeted', points, targets);
      expect(await victim.gradient('dlr-targeted', points, targets)).toEqual(wanted);
    }
    expect([...asked]).toEqual([48, 32, 8, 1]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('AutoAttack', () => {
  const versionOf = (version: AutoattackVersion) => attackSchema.parse({ name: 'autoattack', version });
  /** Each attack with how many attempts it makes in a row. */
  const made = (version: AutoattackVersion, k: number) =>
    createAttack(versionOf(version), k).reduce<[AttackName, number][]>((all, { name }) => {
      const last = all.at(-1);
      if (last?.[0] !== name) return [...all, [name, 1]];
      last[1] += 1;
      return all;
    }, []);

  it.each([
    [
      'standard',
      [
        ['apgd-ce', 1],
        ['apgd-t', 9],
        ['fab-t', 9],
        ['square', 1],
      ],
    ],
    [
      'rand',
      [
        ['apgd-ce', 1],
        ['apgd-dlr', 1],
      ],
    ],
    [
      '2020',
      [
        ['apgd-ce', 5],
        ['apgd-dlr', 5],
        ['fab', 5],
        ['square', 1],
      ],
    ],
    [
      '2020-plus',
      [
        ['apgd-ce', 5],
        ['apgd-dlr', 5],
        ['fab', 5],
        ['square', 1],
        ['apgd-t', 9],
        ['fab-t', 9],
      ],
    ],
    [
      'plus',
      [
        ['apgd-ce', 5],
        ['apgd-dlr', 5],
        ['fab', 5],
        ['square', 1],
        ['apgd-t', 9],
        ['fab-t', 9],
      ],
    ],
  ] as const)('%s is these attacks in this order, with so many attempts', (version, attempts) => {
    expect(made(version, 10)).toEqual(attempts);
  });

  it('begins with what APGD-CE does by itself: it never leaves more', async () => {
    const { images, labels } = await grey(40);
    const pixels = (rows: readonly number[]) =>
      Float32Array.from(rows.flatMap((row) => [...images.subarray(row * size, (row + 1) * size)]));
    const fooled = async (name: 'apgd-ce' | 'autoattack') => {
      const samples = await naturalSamples(victimOf(), { labels, pixels });
      const [part] = createAttack(attackSchema.parse({ name, epsilon: 0.05, seed: 4 }), classes);
      await attackSamples(victimOf(), part ? [part] : [], 4, { labels, pixels }, samples);
      return samples;
    };
    const alone = await fooled('apgd-ce');
    expect(new Set(alone.map(({ fooledBy }) => fooledBy))).toEqual(new Set(['apgd-ce', '']));
    expect(await fooled('autoattack')).toEqual(alone);
  });

  it('has no more targets than there are other classes', () => {
    expect(made('standard', 4)).toEqual([
      ['apgd-ce', 1],
      ['apgd-t', 3],
      ['fab-t', 3],
      ['square', 1],
    ]);
    expect(made('standard', 100)[1]).toEqual(['apgd-t', 9]);
  });
});

describe('the passes of an attempt', () => {
  it.each([
    ...names.filter((name) => name !== 'autoattack').map((name) => [name, {}] as const),
    ['apgd-ce', { eotSteps: 3 }] as const,
    ['autoattack', { version: 'rand' }] as const,
  ])('are what %s says, %o', async (name, more) => {
    const options = name === 'square' ? { queries: 50 } : more;
    // Nothing is fooled, so that it does not end early.
    const [part] = createAttack(attackSchema.parse({ name, epsilon: 1e-6, ...options }), classes);
    let counted = 0;
    const victim = victimOf();
    const watched: Victim = {
      ...victim,
      logits: (images) => ((counted += 1), victim.logits(images)),
      gradient: (...asked) => ((counted += 2), victim.gradient(...asked)),
    };
    await part?.attack(watched, await grey(1), new NumpyRandom(0));
    expect(counted).toBe(part?.passes);
    // 101 gradients at 20 passes each.
    if (name === 'autoattack') expect(counted).toBe(101 * 20 * 2);
  });
});

describe('Square', () => {
  it.each<[Norm, number]>([
    ['linf', 0.3],
    ['l2', 1.2],
  ])('goes on in the middle with the same images, in %s', async (norm, epsilon) => {
    const points = await grey(12);
    const [part] = createAttack(attackSchema.parse({ name: 'square', norm, epsilon, queries: 60 }), classes);
    const search = (pause?: Pause) => part?.attack(victimOf(), points, new NumpyRandom(0), pause);
    const kept: Halfway[] = [];
    const keep = ({ step, images, scores }: Halfway) =>
      void kept.push({ step, images: images.slice(), scores: scores.slice() });
    const whole = await search({ begun: undefined, keep });
    const begun = kept[30];
    expect(begun?.images).not.toEqual(whole);
    // Some have fallen by then, and draw no numbers any more.
    expect(begun?.scores.filter((margin) => margin > 0).length).toBeLessThan(12);
    expect(await search({ begun, keep })).toEqual(whole);
  });
});

describe('restarts', () => {
  it('each see what those before have left, from random numbers of their own', async () => {
    const points = await grey(40);
    const seen: number[] = [];
    const starts: Float32Array[] = [];
    const victim = victimOf();
    const watched: Victim = {
      ...victim,
      gradient: (loss, left, targets) => {
        seen.push(left.labels.length);
        starts.push(left.images.slice());
        return victim.gradient(loss, left, targets);
      },
    };
    // One step from a random point of a ball: luck, which comes back.
    const attack = { name: 'pgd', epsilon: 0.4, steps: 1, stepSize: 0.001, restarts: 4 };
    const { robust } = await attacked(attackSchema.parse(attack), points, watched);
    const left = robust.filter((flag) => flag === 1).length;
    expect(seen).toHaveLength(4);
    expect(seen[0]).toBe(40);
    expect(seen.toSorted((a, b) => b - a)).toEqual(seen);
    expect(new Set(seen).size).toBeGreaterThan(1);
    expect(left).toBeLessThanOrEqual(seen[3] ?? 0);
    expect(starts[1]?.subarray(0, size)).not.toEqual(starts[0]?.subarray(0, size));
    const once = await attacked(attackSchema.parse({ ...attack, restarts: 1 }), points);
    // What one restart fools, more do too.
    once.robust.forEach((flag, i) => expect(robust[i]).toBeLessThanOrEqual(flag));
  });
});

describe('gradients of a network that draws random numbers', () => {
  it('are averaged before a step is taken', async () => {
    const points = await grey(1);
    const victim = victimOf();
    const { gradient } = await victim.gradient('ce', points);
    let call = 0;
    // Two of three gradients point the wrong way, but the third is larger.
    const noisy: Victim = {
      ...victim,
      gradient: async (...asked) => {
        const result = await victim.gradient(...asked);
        const scale = [-1, -1, 5][call++ % 3] ?? 0;
        return { ...result, gradient: gradient.map((value) => value * scale) };
      },
    };
    const options = { loss: 'ce', norm: 'linf', epsilon: 1e-3, steps: 1, eotSteps: 3 } as const;
    const { best } = await autoPgd(noisy, points, options, new NumpyRandom(0));
    const up = points.images.map((value, i) => value + 1e-3 * Math.sign(gradient[i] ?? 0));
    expect(call).toBe(6);
    best.forEach((value, i) => expect(value).toBeCloseTo(up[i] ?? NaN, 6));
  });
});
