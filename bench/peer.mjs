// What the measurements against other programs share: a Python of their own, and programs that answer line by line.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../scripts/setup.mjs';

/** Where measurements keep what they need. */
export const benchFolder = join(root, '.cache', 'bench');

/**
 * A Python with some packages, installed where they are missing.
 * @param {string[]} packages as pip names them, such as "torch" or "torchattacks==3.5.1"
 * @returns its path
 */
export function pythonWith(packages) {
  const environment = join(benchFolder, 'python');
  const python = join(environment, 'bin', 'python');
  if (!existsSync(python)) spawnSync('python3', ['-m', 'venv', environment], { stdio: 'inherit' });
  const pip = (/** @type {string[]} */ ...args) => spawnSync(python, ['-m', 'pip', ...args], { stdio: 'inherit' });
  const missing = packages.filter((name) => pip('show', '--quiet', name.split('==')[0] ?? name).status !== 0);
  if (missing.length > 0) {
    console.log(`Installing ${missing.join(', ')} into .cache/bench (with PyTorch 5.4 GB on disk) …`);
    if (pip('install', '--quiet', ...missing).status !== 0)
      throw new Error(`pip could not install ${missing.join(' ')}`);
  }
  return python;
}

/** A program that answers each line of JSON with one. @param {string} command @param {string[]} args */
export function answering(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    /** @param {object} task @returns {Promise<any>} */
    ask: async (task) => {
      child.stdin.write(JSON.stringify(task) + '\n');
      const { value } = await lines.next();
      if (value === undefined) throw new Error(`${command} ended`);
      return JSON.parse(value);
    },
    end: () => child.stdin.end(),
  };
}
