import { describe, expect, it } from 'vitest';
import { attackSchema } from '../protocol/attacks';
import { attackLine, readAttack } from './attackText';

describe('an attack in one line', () => {
  it('is its name and its options', () => {
    expect(readAttack(' pgd steps=100  norm=l2 epsilon=128/255 randomStart=false ')).toEqual(
      attackSchema.parse({ name: 'pgd', steps: 100, norm: 'l2', epsilon: 128 / 255, randomStart: false }),
    );
    expect(readAttack('autoattack version=2020')).toMatchObject({ version: '2020' });
    expect(readAttack('none')).toEqual({ name: 'none' });
  });

  it.each([
    ['pgd200', 'pgd200: there is no such attack'],
    ['pgd steps', 'steps: expected option=value'],
    ['pgd =3', '=3: expected option=value'],
    ['pgd steps=many', 'pgd: steps: '],
    ['pgd stride=1', /^pgd: .*stride/],
    ['pgd limit=10', 'limit=10: '],
    ['none epsilon=0.1', 'none: '],
  ])('is refused in words: %s', (line, reason) => {
    expect(() => readAttack(line)).toThrow(reason);
  });

  it.each([
    'pgd20 epsilon=0.031',
    'pgd20 epsilon=0.05 stepSize=0.005',
    'pgd epsilon=0.3 steps=40',
    'apgd-t norm=l2 epsilon=0.5 targets=3',
    'square epsilon=0.1 queries=100 seed=3',
    'autoattack epsilon=0.031 version=plus',
  ])('is written as it is read: %s', (line) => {
    const attack = readAttack(line);
    if (attack.name === 'none') throw new Error('no attack');
    expect(attackLine(attack).split(' ').sort()).toEqual(line.split(' ').sort());
  });
});
