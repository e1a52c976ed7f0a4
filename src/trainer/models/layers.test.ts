import { beforeAll, describe, expect, it } from 'vitest';
import { fixedRandom } from '../runtimes/program';
import * as tf from '../tf';
import { useWasm } from '../testing';
import { channelDropout } from './layers';

beforeAll(useWasm);

describe('channelDropout', () => {
  const images = () => tf.ones<tf.Rank.R4>([50, 3, 3, 40]);

  it('drops whole channels of an image, and scales the others by 1 / (1 − rate)', () => {
    const dropped = channelDropout(0.3).forward(images(), 'train', fixedRandom(0));
    const { mean, variance } = tf.moments(dropped, [1, 2]);
    expect(Math.max(...variance.dataSync())).toBeCloseTo(0, 10);
    const values = [...mean.dataSync()];
    values.filter((value) => value !== 0).forEach((value) => expect(value).toBeCloseTo(1 / 0.7, 5));
    expect(values.filter((value) => value === 0).length / values.length).toBeCloseTo(0.3, 1);
  });

  it('drops single features where there are no positions', () => {
    const values = [
      ...channelDropout(0.5)
        .forward(tf.ones([20, 30]), 'train', fixedRandom(0))
        .dataSync(),
    ];
    expect(new Set(values)).toEqual(new Set([0, 2]));
    expect(values.filter((value) => value === 0).length / values.length).toBeCloseTo(0.5, 1);
  });

  it('does nothing in evaluation', () => {
    const x = images();
    expect(channelDropout(0.5).forward(x, 'eval')).toBe(x);
  });
});
