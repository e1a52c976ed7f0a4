import { Problem } from '../../problem';
import { NumpyRandom } from '../../random';
import { shareOf, type Drawn, type LabelNoise, type NoiseData } from './labelNoise';

/** CIFAR-10's usual pairs: truck → automobile, bird → airplane, deer → horse, cat ↔ dog. */
const cifar10: ReadonlyMap<number, number> = new Map([
  [9, 1],
  [2, 0],
  [4, 7],
  [3, 5],
  [5, 3],
]);

/** CIFAR-100's: within five consecutive classes each becomes the next, the last of them the first. */
const cifar100: ReadonlyMap<number, number> = new Map(
  Array.from({ length: 100 }, (_, i) => [i, i - (i % 5) + ((i + 1) % 5)]),
);

const usualMaps: Record<string, ReadonlyMap<number, number> | undefined> = { cifar10, cifar100 };

interface Options extends Drawn {
  map?: Record<string, number> | undefined;
}

/**
 * Asymmetric noise (Patrini et al. 2017; facts 5.2): in each class that the map sends elsewhere, a share `rate` of the
 * samples, class after class. At one seed the noise of a lower rate is contained in that of a higher one.
 * @throws Problem when the data set has no usual map and none is given, or the map names a class that is not there
 */
export const asymmetric: LabelNoise<Options> = ({ rate, seed, map }, data) => {
  const { labels } = data.train;
  const targets = map ? checkedMap(map, data) : usualMap(data);
  const random = new NumpyRandom(seed);
  const given = labels.slice();
  data.classNames.forEach((_, source) => {
    const target = targets.get(source);
    if (target === undefined) return;
    const members = [...labels.keys()].filter((i) => labels[i] === source);
    // The whole order is drawn at each rate, so that the next class finds the generator in the same state.
    const order = random.permutation(members.length);
    for (const i of order.subarray(0, shareOf(rate, members.length))) given[members[i] ?? 0] = target;
  });
  return given;
};

function usualMap({ name }: NoiseData): ReadonlyMap<number, number> {
  const map = usualMaps[name.replace('-', '')];
  if (map) return map;
  throw new Problem(
    `data.noise.map: missing. Only CIFAR-10 and CIFAR-100 have a usual map of asymmetric noise; for ${name}, say which class turns into which by number, such as {"9": 1}.`,
  );
}

function checkedMap(map: Record<string, number>, { classNames }: NoiseData): ReadonlyMap<number, number> {
  const targets = new Map(Object.entries(map).map(([source, target]) => [Number(source), target]));
  const missing = [...targets].flat().find((number) => number >= classNames.length);
  if (missing === undefined) return targets;
  throw new Problem(`data.noise.map: there is no class ${missing}, expected 0 to ${classNames.length - 1}.`);
}
