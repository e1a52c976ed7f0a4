import { expect, it } from 'vitest';
import { methodSchema } from './methods';
import { modelSchema } from './models';
import { methodForModel } from './widthAdjustment';

const sat = { name: 'sat', alpha: 0.9, startEpoch: 40 } as const;
const resnet = (width: number) => modelSchema.parse({ name: 'resnet18', width });

// The authors' table for α 0.9 and E_s 40.
it.each([
  [1, 0.998355, 2560],
  [2, 0.996713, 1280],
  [3, 0.995073, 853],
  [4, 0.993437, 640],
  [5, 0.991802, 512],
  [8, 0.986916, 320],
  [10, 0.983672, 256],
  [16, 0.974004, 160],
  [32, 0.948683, 80],
])('at width %i α is %d and E_s %i', (width, alpha, startEpoch) => {
  const expected = { name: 'sat', alpha: expect.closeTo(alpha, 6) as number, startEpoch };
  expect(methodForModel(sat, resnet(width))).toEqual(expected);
  expect(methodForModel({ ...sat, name: 'sat_sce', reverseWeight: 0.3 }, resnet(width))).toMatchObject({ startEpoch });
});

it('leaves everything else as it stands', () => {
  expect(methodForModel(sat, resnet(64))).toEqual(sat);
  expect(methodForModel(sat, modelSchema.parse({ name: 'wrn' }))).toEqual(sat);
  expect(methodForModel({ ...sat, adaptToWidth: false }, resnet(8))).toMatchObject(sat);
  for (const name of ['trades_sat', 'selective_sat', 'erm']) {
    const method = methodSchema.parse({ name });
    expect(methodForModel(method, resnet(8))).toEqual(method);
  }
});
