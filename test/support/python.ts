import { spawnSync } from 'node:child_process';

/** Why a test that compares with Python cannot run here, or undefined when it can. */
export function missingPython(...modules: string[]): string | undefined {
  const { error, status } = spawnSync('python3', ['-c', modules.map((name) => `import ${name}`).join('\n')]);
  if (error) return 'python3 is not installed';
  return status === 0 ? undefined : `python3 has no ${modules.join(' or ')}: pip install ${modules.join(' ')}`;
}

/** Runs a Python program. @returns its standard output @throws Error with its standard error */
export function runPython(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
