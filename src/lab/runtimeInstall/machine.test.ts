import { describe, expect, it } from 'vitest';
import { thisMachine, unsupported } from './machine';

describe('a machine', () => {
  it.each([
    ['glibc on x64', { platform: 'linux', arch: 'x64', libc: 'glibc' }],
    ['glibc on arm64', { platform: 'linux', arch: 'arm64', libc: 'glibc' }],
    ['a Mac with Apple’s processor', { platform: 'darwin', arch: 'arm64' }],
  ] as const)('with %s runs TensorFlow', (_, machine) => {
    expect(unsupported(machine)).toBeUndefined();
  });

  it.each([
    ['musl', { platform: 'linux', arch: 'x64', libc: 'musl' }, /has musl \(Alpine\)\. Use an image with glibc/],
    [
      'another processor',
      { platform: 'linux', arch: 'ppc64', libc: 'glibc' },
      /linux on ppc64.*linux-x64, linux-arm64/,
    ],
    ['Windows', { platform: 'win32', arch: 'x64' }, /Work in WSL/],
  ] as const)('with %s does not, and is told what would', (_, machine, words) => {
    expect(unsupported(machine)).toMatch(words);
  });

  it.runIf(process.platform === 'linux')('knows its libc', () => {
    expect(['glibc', 'musl']).toContain(thisMachine().libc);
  });
});
