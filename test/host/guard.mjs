// @ts-check
// Leads the server's process group and ends it when standard input closes. That happens however the owner ends, SIGKILL
// included, so no server outlives its test run.
import { spawn } from 'node:child_process';

const GRACE_MS = 3000;
const [command = '', ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
let ending = false;

function end() {
  if (ending) return;
  ending = true;
  process.kill(0, 'SIGTERM');
  setTimeout(() => process.kill(0, 'SIGKILL'), GRACE_MS);
}

child.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
child.on('exit', (code) => {
  // Extension hosts and terminals may still be there.
  if (ending) process.kill(0, 'SIGKILL');
  process.exit(code ?? 1);
});
for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGHUP'])) process.on(signal, end);
process.stdin.on('close', end);
process.stdin.resume();
