import { describe, expect, it } from 'vitest';
import { FaultError } from './trainerQueries';

describe('why runs cannot start', () => {
  const data = { message: 'cifar10: no files.', dataSet: 'cifar10' };
  const model = { message: 'The images are too small.' };

  it('is said whole', () => {
    expect(new FaultError([data, model]).message).toBe('cifar10: no files.\nThe images are too small.');
  });

  it('is mended by a folder only where nothing but files are missing', () => {
    expect(new FaultError([data]).dataSet).toBe('cifar10');
    expect(new FaultError([data, model]).dataSet).toBeUndefined();
    expect(new FaultError([model]).dataSet).toBeUndefined();
  });
});
