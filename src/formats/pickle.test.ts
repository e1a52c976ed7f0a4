import { describe, expect, it } from 'vitest';
import { decodePickle, type Unpickled } from './pickle';

const decode = (base64: string): Unpickled => decodePickle(Buffer.from(base64, 'base64'), 'x.pkl');

/** What Python's pickle wrote of {@link value}, by protocol; `same` is the very list of `list`. */
const pickles = {
  2: 'gAJ9cQAoWAMAAABpbnRxAUr9////WAMAAABiaWdxAooGAAAAAAABWAMAAABuZWdxA4oGAAAAAAD/WAQAAABieXRlcQRLyFgFAAAAc2hvcnRxBU1AnFgFAAAAZmxvYXRxBkc/+AAAAAAAAFgEAAAAbm9uZXEHTlgDAAAAeWVzcQiIWAIAAABub3EJiVgEAAAAdGV4dHEKWAIAAADDqXELWAQAAABsaXN0cQxdcQ0oSwFdcQ5LAmFlWAQAAABmb3VycQ8oSwFLAksDSwR0cRBYBgAAAHRyaXBsZXERSwFLAksDh3ESWAQAAABwYWlycRNLAUsChnEUWAMAAABvbmVxFUsBhXEWWAUAAABlbXB0eXEXKVgEAAAAc2FtZXEYaA1YAgAAAGk4cRljbnVtcHkuX2NvcmUubXVsdGlhcnJheQpfcmVjb25zdHJ1Y3QKcRpjbnVtcHkKbmRhcnJheQpxG0sAhXEcY19jb2RlY3MKZW5jb2RlCnEdWAEAAABicR5YBgAAAGxhdGluMXEfhnEgUnEhh3EiUnEjKEsBSwOFcSRjbnVtcHkKZHR5cGUKcSVYAgAAAGk4cSaJiIdxJ1JxKChLA1gBAAAAPHEpTk5OSv////9K/////0sAdHEqYoloHVggAAAAAwAAAAAAAADDv8O/w7/Dv8O/w7/Dv8O/AgAAAAAAAABxK2gfhnEsUnEtdHEuYlgCAAAAdTFxL2gaaBtLAIVxMGghh3ExUnEyKEsBSwJLA4ZxM2glWAIAAAB1MXE0iYiHcTVScTYoSwNYAQAAAHxxN05OTkr/////Sv////9LAHRxOGKJaB1YBgAAAAABAgMEBXE5aB+GcTpScTt0cTxiWAcAAABmb3J0cmFucT1oGmgbSwCFcT5oIYdxP1JxQChLAUsCSwKGcUFoJVgCAAAAZjRxQomIh3FDUnFEKEsDaClOTk5K/////0r/////SwB0cUViiGgdWBIAAAAAAMOAPwAAQEAAAABAAADCgEBxRmgfhnFHUnFIdHFJYnUu',
  3: 'gAN9cQAoWAMAAABpbnRxAUr9////WAMAAABiaWdxAooGAAAAAAABWAMAAABuZWdxA4oGAAAAAAD/WAQAAABieXRlcQRLyFgFAAAAc2hvcnRxBU1AnFgFAAAAZmxvYXRxBkc/+AAAAAAAAFgEAAAAbm9uZXEHTlgDAAAAeWVzcQiIWAIAAABub3EJiVgEAAAAdGV4dHEKWAIAAADDqXELWAQAAABsaXN0cQxdcQ0oSwFdcQ5LAmFlWAQAAABmb3VycQ8oSwFLAksDSwR0cRBYBgAAAHRyaXBsZXERSwFLAksDh3ESWAQAAABwYWlycRNLAUsChnEUWAMAAABvbmVxFUsBhXEWWAUAAABlbXB0eXEXKVgEAAAAc2FtZXEYaA1YAgAAAGk4cRljbnVtcHkuX2NvcmUubXVsdGlhcnJheQpfcmVjb25zdHJ1Y3QKcRpjbnVtcHkKbmRhcnJheQpxG0sAhXEcQwFicR2HcR5ScR8oSwFLA4VxIGNudW1weQpkdHlwZQpxIVgCAAAAaThxIomIh3EjUnEkKEsDWAEAAAA8cSVOTk5K/////0r/////SwB0cSZiiUMYAwAAAAAAAAD//////////wIAAAAAAAAAcSd0cShiWAIAAAB1MXEpaBpoG0sAhXEqaB2HcStScSwoSwFLAksDhnEtaCFYAgAAAHUxcS6JiIdxL1JxMChLA1gBAAAAfHExTk5OSv////9K/////0sAdHEyYolDBgABAgMEBXEzdHE0YlgHAAAAZm9ydHJhbnE1aBpoG0sAhXE2aB2HcTdScTgoSwFLAksChnE5aCFYAgAAAGY0cTqJiIdxO1JxPChLA2glTk5OSv////9K/////0sAdHE9YohDEAAAwD8AAEBAAAAAQAAAgEBxPnRxP2J1Lg==',
  4: 'gASVIAIAAAAAAAB9lCiMA2ludJRK/f///4wDYmlnlIoGAAAAAAABjANuZWeUigYAAAAAAP+MBGJ5dGWUS8iMBXNob3J0lE1AnIwFZmxvYXSURz/4AAAAAAAAjARub25llE6MA3llc5SIjAJub5SJjAR0ZXh0lIwCw6mUjARsaXN0lF2UKEsBXZRLAmFljARmb3VylChLAUsCSwNLBHSUjAZ0cmlwbGWUSwFLAksDh5SMBHBhaXKUSwFLAoaUjANvbmWUSwGFlIwFZW1wdHmUKYwEc2FtZZRoDYwCaTiUjBZudW1weS5fY29yZS5tdWx0aWFycmF5lIwMX3JlY29uc3RydWN0lJOUjAVudW1weZSMB25kYXJyYXmUk5RLAIWUQwFilIeUUpQoSwFLA4WUaB2MBWR0eXBllJOUjAJpOJSJiIeUUpQoSwOMATyUTk5OSv////9K/////0sAdJRiiUMYAwAAAAAAAAD//////////wIAAAAAAAAAlHSUYowCdTGUaBxoH0sAhZRoIYeUUpQoSwFLAksDhpRoJowCdTGUiYiHlFKUKEsDjAF8lE5OTkr/////Sv////9LAHSUYolDBgABAgMEBZR0lGKMB2ZvcnRyYW6UaBxoH0sAhZRoIYeUUpQoSwFLAksChpRoJowCZjSUiYiHlFKUKEsDaCpOTk5K/////0r/////SwB0lGKIQxAAAMA/AABAQAAAAEAAAIBAlHSUYnUu',
};
const value = new Map<Unpickled, Unpickled>([
  ['int', -3],
  ['big', 2 ** 40],
  ['neg', -(2 ** 40)],
  ['byte', 200],
  ['short', 40000],
  ['float', 1.5],
  ['none', null],
  ['yes', true],
  ['no', false],
  ['text', 'é'],
  ['list', [1, [2]]],
  ['four', [1, 2, 3, 4]],
  ['triple', [1, 2, 3]],
  ['pair', [1, 2]],
  ['one', [1]],
  ['empty', []],
  ['same', [1, [2]]],
  ['i8', { shape: [3], data: BigInt64Array.of(3n, -1n, 2n) }],
  ['u1', { shape: [2, 3], data: Uint8Array.of(0, 1, 2, 3, 4, 5) }],
  ['fortran', { shape: [2, 2], data: Float32Array.of(1.5, 2, 3, 4) }],
]);

describe('decodePickle', () => {
  it.each([2, 3, 4] as const)('reads protocol %i', (protocol) => {
    expect(decode(pickles[protocol])).toEqual(value);
  });

  it('reads what Python 2 wrote, as CIFAR’s batches are: byte strings, NumPy arrays', () => {
    const batch =
      'gAJ9cQEoVQRkYXRhcQJjbnVtcHkuY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxA2NudW1weQpuZGFycmF5CnEESwCFVQFih1JxBShLAUsCSwOGY251bXB5CmR0eXBlCnEGVQJ1MUsASwGHUnEHKEsDVQF8Tk5OSv////9K/////0sAdGKJVAYAAAAAAQIDBAV0YlUGbGFiZWxzcQhdcQkoSwZLCWV1Lg==';
    expect(decode(batch)).toEqual(
      new Map<Unpickled, Unpickled>([
        ['data', { shape: [2, 3], data: Uint8Array.of(0, 1, 2, 3, 4, 5) }],
        ['labels', [6, 9]],
      ]),
    );
  });

  it.each([
    // A call of os.system, at the top and within a dictionary.
    [
      'a call',
      'gAJjcG9zaXgKc3lzdGVtCnEAWAcAAABlY2hvIG5vcQGFcQJScQMu',
      'x.pkl asks for posix.system, which is not read here',
    ],
    [
      'a call inside',
      'gASVKQAAAAAAAAB9lIwBYZSMBXBvc2l4lIwGc3lzdGVtlJOUjAdlY2hvIG5vlIWUUpRzLg==',
      'x.pkl asks for posix.system',
    ],
    [
      'an array of objects',
      'gAJ9cQBYAQAAAGFxAWNudW1weS5fY29yZS5tdWx0aWFycmF5Cl9yZWNvbnN0cnVjdApxAmNudW1weQpuZGFycmF5CnEDSwCFcQRjX2NvZGVjcwplbmNvZGUKcQVYAQAAAGJxBlgGAAAAbGF0aW4xcQeGcQhScQmHcQpScQsoSwFLAoVxDGNudW1weQpkdHlwZQpxDVgCAAAATzhxDomIh3EPUnEQKEsDWAEAAAB8cRFOTk5K/////0r/////Sz90cRJiiV1xEyhYAQAAAHhxFE5ldHEVYnMu',
      'other than a NumPy array of numbers',
    ],
    ['a set', 'gASVCQAAAAAAAACPlChLAUsCkC4=', 'operation 0x8f'],
    ['a huge integer', 'gAKKCQAAAAAAAAAAQC4=', 'beyond ±2⁵³'],
    ['a function', 'gAJjX19idWlsdGluX18KbGVuCnEALg==', 'ends in the middle of an object'],
    ['no pickle', 'aGVsbG8=', 'is not a Python pickle'],
    ['a pickle that takes from an empty stack', 'gAJSLg==', 'nothing is on the stack'],
    ['a pickle that keeps nothing', 'gAJoBS4=', 'nothing was kept'],
  ])('refuses %s', (_what, pickle, message) => {
    expect(() => decode(pickle)).toThrow(message);
  });

  it('notices at every byte when it is cut short', () => {
    const whole = Buffer.from(pickles[2], 'base64');
    for (let length = 1; length < whole.length; length += 1) {
      expect(() => decodePickle(whole.subarray(0, length), 'x.pkl'), String(length)).toThrow('x.pkl');
    }
  });
});
