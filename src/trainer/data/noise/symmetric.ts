import { NumpyRandom } from '../../random';
import { shareOf, type Drawn, type LabelNoise } from './labelNoise';

/**
 * Symmetric noise that excludes the true class (facts 5.2): which samples are drawn, then for each one of the K − 1 other
 * classes. A share `rate` is wrong, exactly. At one seed the noise of a lower rate is contained in that of a higher one.
 */
export const symmetric: LabelNoise<Drawn> = ({ rate, seed }, { train: { labels }, classNames }) => {
  const random = new NumpyRandom(seed);
  const k = classNames.length;
  const given = labels.slice();
  const drawn = random.choice(labels.length, shareOf(rate, labels.length), false);
  const steps = random.randint(1, k, drawn.length);
  drawn.forEach((index, i) => (given[index] = ((labels[index] ?? 0) + (steps[i] ?? 0)) % k));
  return given;
};
