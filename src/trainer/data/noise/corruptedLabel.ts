import { NumpyRandom } from '../../random';
import { shareOf, type Drawn, type LabelNoise } from './labelNoise';

/**
 * Uniform random labels, in the authors' order of draws (section 1.3, datasets/random_noise.py `label_noise`): which
 * samples, then their labels. A new label can be the true class, so a share rate · (1 − 1/K) is really wrong. At one
 * seed the noise of a lower rate is contained in that of a higher one.
 */
export const corruptedLabel: LabelNoise<Drawn> = ({ rate, seed }, { train: { labels }, classNames }) => {
  const random = new NumpyRandom(seed);
  const count = shareOf(rate, labels.length);
  const drawnIndices = random.choice(labels.length, count, false);
  const drawnLabels = random.choice(classNames.length, count, true);
  const given = labels.slice();
  drawnIndices.forEach((index, i) => (given[index] = drawnLabels[i] ?? 0));
  return given;
};
