import { describe, expect, it } from 'vitest';
import { currentSchema, installedRuntimesFolder } from './installedRuntime';

describe.runIf(process.platform !== 'win32')('the folder of installed runtimes', () => {
  it('is the environment’s, else the platform’s data folder', () => {
    const folder = (env: NodeJS.ProcessEnv, platform: NodeJS.Platform) => installedRuntimesFolder(env, platform, '/me');
    expect(folder({ SAT_RUNTIMES: '/big', XDG_DATA_HOME: '/data' }, 'linux')).toBe('/big/tensorflow');
    expect(folder({ XDG_DATA_HOME: '/data' }, 'linux')).toBe('/data/sat-lab/tensorflow');
    expect(folder({}, 'linux')).toBe('/me/.local/share/sat-lab/tensorflow');
    expect(folder({}, 'darwin')).toBe('/me/Library/Application Support/sat-lab/tensorflow');
    expect(folder({ LOCALAPPDATA: '/local' }, 'win32')).toBe('/local/sat-lab/tensorflow');
  });

  it('is never left by an id', () => {
    expect(currentSchema.safeParse({ id: '2.21.0-cpu-1a2b3c' }).success).toBe(true);
    expect(currentSchema.safeParse({ id: '../elsewhere' }).success).toBe(false);
    expect(currentSchema.safeParse({ id: '..' }).success).toBe(false);
  });
});
