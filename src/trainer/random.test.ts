import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { missingPython, runPython } from '../../test/support/python';
import { NumpyRandom } from './random';

const times = <T>(count: number, draw: () => T): T[] => Array.from({ length: count }, draw);

/** All expected numbers were drawn by NumPy 2.4.6, `np.random.RandomState`. */
describe('NumpyRandom', () => {
  it.each([
    [0, [2357136044, 2546248239, 3071714933, 3626093760]],
    [2 ** 32 - 1, [419326371, 479346978, 3918654476]],
    [
      [1, 2, 3],
      [2619334238, 1552691353, 3808334787, 2540200029],
    ],
    [
      [0, 1, 0, 0],
      [2214238843, 279368564, 3050550278, 2263698105],
    ],
    // More words than the state has.
    [times(700, () => 0).map((_, i) => i), [3727595200, 1914792892, 3929396303, 3603564374]],
  ])('draws the raw numbers of seed %j', (seed, expected) => {
    const random = new NumpyRandom(seed);
    expect(expected.map(() => random.raw())).toEqual(expected);
  });

  it('goes on when the state is used up', () => {
    const random = new NumpyRandom(5);
    for (let i = 0; i < 2000; i += 1) random.raw();
    expect(times(3, () => random.raw())).toEqual([3076253773, 3460406422, 2765142204]);
  });

  it('random() has 53 bits', () => {
    const random = new NumpyRandom(7);
    const expected = [0.07630828937395717, 0.7799187922401146, 0.4384092314408935, 0.7234651778309412];
    expect(times(4, () => random.random())).toEqual(expected);
  });

  it.each([
    [-5, 7, [5, 3, 4, -2, 3, 3, -5, 0, -2, 5, 6, 4]],
    [0, 1000003, [71530, 722584, 601337, 452227, 572344, 366848]],
    [0, 2 ** 32, [2365658986, 303761048, 3041471737]],
    [0, 2 ** 31 + 1, [303761048, 1249426360, 521102280]],
  ])('randint(%i, %i)', (low, high, expected) => {
    const random = new NumpyRandom(3);
    expect(expected.map(() => random.randint(low, high))).toEqual(expected);
  });

  it('randint of one value draws nothing, of many the same as one by one', () => {
    const random = new NumpyRandom(3);
    expect([random.randint(0, 1), random.randint(3, 4), random.randint(10), random.randint(2, 9)]).toEqual([
      0, 3, 8, 3,
    ]);
    expect(new NumpyRandom(3).randint(-5, 7, 4)).toEqual(Int32Array.of(5, 3, 4, -2));
    expect(() => random.randint(3, 3)).toThrow(RangeError);
  });

  it('permutation, shuffle and choice', () => {
    expect([...new NumpyRandom(9).permutation(12)]).toEqual([7, 9, 2, 0, 3, 4, 1, 11, 10, 8, 6, 5]);
    const array = [10, 20, 30, 40, 50, 60, 70];
    new NumpyRandom(9).shuffle(array);
    expect(array).toEqual([60, 20, 30, 40, 10, 50, 70]);
    expect([...new NumpyRandom(4).choice(20, 6, false)]).toEqual([19, 3, 18, 6, 13, 4]);
    expect([...new NumpyRandom(4).choice(20, 6, true)]).toEqual([14, 5, 1, 8, 8, 18]);
    expect(() => new NumpyRandom(4).choice(5, 6, false)).toThrow('6 of 5');
  });

  it('randn keeps the second number of a pair, which other draws leave alone', () => {
    const random = new NumpyRandom(0);
    const expected = [1.764052345967664, 0.4001572083672233, 0.9787379841057392, 2.240893199201458, 1.8675579901499675];
    for (const value of expected) expect(random.randn()).toBeCloseTo(value, 14);
    expect(random.random()).toBe(0.4375872112626925);
    expect(random.randn()).toBeCloseTo(-0.977277879876411, 14);
  });

  it('has NumPy’s state and goes on from it', () => {
    const random = new NumpyRandom(0);
    times(3, () => random.randn());
    const state = random.getState();
    expect([...state.key.subarray(0, 3)]).toEqual([2443250962, 1093594115, 1878467924]);
    expect(state.position).toBe(8);
    expect(state.spareNormal).toBeCloseTo(2.240893199201458, 14);
    const other = new NumpyRandom(99);
    other.setState(state);
    expect(times(700, () => other.randn())).toEqual(times(700, () => random.randn()));
    expect(() => other.setState({ ...state, position: 625 })).toThrow(RangeError);
  });

  it.each([[-1], [2 ** 32], [1.5], [NaN], [[]], [[0, -1]]])('refuses the seed %j', (seed) => {
    expect(() => new NumpyRandom(seed)).toThrow(RangeError);
  });

  // What the authors' code draws for CIFAR's 50,000 images (datasets/random_noise.py).
  it.each([
    [0, [11841, 19602, 45519, 25747, 42642], [132, 287, 543, 945, 226, 901, 976, 164]],
    [1, [26247, 35067, 34590, 16668, 12196], [838, 408, 766, 79, 772, 318, 701, 321]],
    [42, [33553, 9427, 199, 12447, 39489], undefined],
  ])('draws the images and the pixel order of the authors’ noise, seed %i', (seed, images, pixels) => {
    const random = new NumpyRandom(seed);
    expect([...random.choice(50000, 20000, false).subarray(0, 5)]).toEqual(images);
    if (pixels) expect([...random.permutation(1024).subarray(0, 8)]).toEqual(pixels);
    if (seed === 0) expect([...random.permutation(1024).subarray(0, 4)]).toEqual([31, 864, 837, 990]);
  });

  // 61 million normals, through 100,000 refills of the state: no last bit of a logarithm shows in the bytes.
  it('draws the authors’ Gaussian images byte for byte', { timeout: 60_000 }, () => {
    const random = new NumpyRandom(0);
    random.choice(50000, 20000, false);
    const mean = [0.4914, 0.4822, 0.4465];
    const std = [0.2023, 0.1994, 0.201];
    const images = new Uint8Array(20000 * 32 * 32 * 3);
    for (let i = 0; i < images.length; i += 1) {
      const pixel = random.randn() * (std[i % 3] ?? 0) + (mean[i % 3] ?? 0);
      images[i] = Math.min(255, Math.max(0, pixel * 255));
    }
    expect([...images.subarray(0, 3)]).toEqual([81, 219, 100]);
    expect(createHash('sha256').update(images).digest('hex').slice(0, 16)).toBe('d9e5854b125ad834');
  });
});

const missing = missingPython('numpy');
describe.skipIf(missing)(`NumpyRandom and NumPy${missing ? ` (skipped: ${missing})` : ''}`, () => {
  it('draws the same numbers, method by method, over many states', () => {
    const program = `
import json, numpy as np
def draw(seed):
    r = np.random.RandomState(seed)
    return [r.permutation(1500).tolist(), r.randint(-3, 97, 1000).tolist(), r.choice(5000, 1000).tolist(),
            r.choice(2000, 700, replace=False).tolist(), r.randn(1001).tolist(), r.random_sample(1000).tolist(),
            r.randint(0, 2**32, 9).tolist(), [r.randn()], r.get_state()[1].tolist()]
print(json.dumps([draw(s) for s in (0, 12345, 2**32 - 1, [0, 2, 7, 391], [4294967295])]))`;
    const seeds = [0, 12345, 2 ** 32 - 1, [0, 2, 7, 391], [4294967295]];
    const theirs = JSON.parse(runPython(program)) as number[][][];
    const ours = seeds.map((seed) => {
      const r = new NumpyRandom(seed);
      return [
        [...r.permutation(1500)],
        [...r.randint(-3, 97, 1000)],
        [...r.choice(5000, 1000, true)],
        [...r.choice(2000, 700, false)],
        times(1001, () => r.randn()),
        times(1000, () => r.random()),
        times(9, () => r.randint(0, 2 ** 32)),
        [r.randn()],
        [...r.getState().key],
      ];
    });
    // Exact except for the normals (places 4 and 7), which hang on the logarithm's last bit.
    const exact = (draws: number[][]) => draws.filter((_, i) => i !== 4 && i !== 7);
    const normals = (draws: number[][]) => [...(draws[4] ?? []), ...(draws[7] ?? [])];
    expect(ours.map(exact)).toEqual(theirs.map(exact));
    const expected = theirs.flatMap(normals);
    const differences = ours.flatMap(normals).map((x, i) => Math.abs(x - (expected[i] ?? NaN)));
    expect(differences).toHaveLength(5 * 1002);
    expect(Math.max(...differences)).toBeLessThan(1e-15);
  });

  it.each([
    [0.2, 0.2],
    [1, 1],
    [0.5, 3],
    [8, 8],
  ])('draws from Beta(%d, %d)', (a, b) => {
    const program = `
import json, sys, numpy as np
print(json.dumps([np.random.RandomState(s).beta(${a}, ${b}, 300).tolist() for s in (0, 7)]))`;
    const theirs = JSON.parse(runPython(program)) as number[][];
    [0, 7].forEach((seed, i) => {
      const random = new NumpyRandom(seed);
      const ours = times(300, () => random.beta(a, b));
      const differences = ours.map((value, j) => Math.abs(value - (theirs[i]?.[j] ?? NaN)));
      expect(Math.max(...differences)).toBeLessThan(1e-12);
    });
  });
});
