import { NumpyRandom } from '../../random';
import { shareOf, type Drawn, type LabelNoise } from './labelNoise';

/** Pair flip (Co-teaching; facts 5.2): class i becomes i + 1, the last the first. A share `rate` is wrong, exactly. */
export const pairFlip: LabelNoise<Drawn> = ({ rate, seed }, { train: { labels }, classNames }) => {
  const given = labels.slice();
  const drawn = new NumpyRandom(seed).choice(labels.length, shareOf(rate, labels.length), false);
  for (const index of drawn) given[index] = ((labels[index] ?? 0) + 1) % classNames.length;
  return given;
};
