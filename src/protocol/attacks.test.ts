import { describe, expect, it } from 'vitest';
import { attackSchema, shortSteps } from './attacks';

describe('the radius ε', () => {
  it('is by default what is usual in its norm', () => {
    expect(attackSchema.parse({ name: 'autoattack' })).toMatchObject({ norm: 'linf', epsilon: 0.031 });
    expect(attackSchema.parse({ name: 'autoattack', norm: 'l2' })).toMatchObject({ epsilon: 0.5 });
    expect(attackSchema.parse({ name: 'pgd20', norm: 'l2', epsilon: 0 })).toMatchObject({ epsilon: 0 });
  });

  it('is no number of grey levels', () => {
    const problem = attackSchema.safeParse({ name: 'pgd20', epsilon: 8 }).error?.issues;
    expect(problem).toMatchObject([{ path: ['epsilon'], message: expect.stringContaining('8/255') as string }]);
    expect(attackSchema.safeParse({ name: 'pgd20', norm: 'l2', epsilon: 8 }).success).toBe(true);
    expect(attackSchema.safeParse({ name: 'pgd20', epsilon: 1 }).success).toBe(true);
  });
});

describe('the size of a step', () => {
  const stepSize = (options: object) => {
    const attack = attackSchema.parse({ name: 'pgd20', ...options });
    return 'stepSize' in attack ? attack.stepSize : undefined;
  };

  it('is the authors’ where that crosses the ball, else it goes with ε', () => {
    for (const epsilon of [0, 0.01, 0.031, 8 / 255]) expect(stepSize({ epsilon })).toBe(0.003);
    expect(stepSize({ epsilon: 0.3 })).toBeCloseTo(0.0375, 12);
    expect(stepSize({ norm: 'l2', epsilon: 1 })).toBeCloseTo(0.125, 12);
    expect(stepSize({ epsilon: 0.031, steps: 10 })).toBeCloseTo(0.00775, 12);
    expect(stepSize({ epsilon: 0.1, steps: 100 })).toBe(0.003);
    expect(stepSize({ name: 'multi-targeted', epsilon: 0.3 })).toBeCloseTo(0.0375, 12);
    expect(stepSize({ epsilon: 0.3, stepSize: 0.003 })).toBe(0.003);
    expect(stepSize({ name: 'fgsm' })).toBeUndefined();
  });

  it('is spoken of when it was given and is too short', () => {
    expect(shortSteps(attackSchema.parse({ name: 'pgd20', epsilon: 0.3, stepSize: 0.003 }))).toBe(
      '20 steps of 0.003 cannot cross a ball of ε 0.3: the robust accuracy is too high. Leave the step size out, or take 0.0375.',
    );
    for (const options of [
      { name: 'pgd20', epsilon: 0.3 },
      { name: 'pgd', norm: 'l2', epsilon: 2, steps: 3 },
      { name: 'pgd20', epsilon: 0.1, stepSize: 0.01 },
      { name: 'fgsm', epsilon: 0.3 },
      { name: 'apgd-ce', epsilon: 0.3 },
    ])
      expect(shortSteps(attackSchema.parse(options))).toBeUndefined();
    expect(shortSteps({ name: 'newer', steps: 'many' })).toBeUndefined();
  });
});
