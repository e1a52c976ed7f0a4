// Pretends to be a Python with pip, as FAKE_PIP says: '' downloads FAKE_WHEEL.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const args = process.argv.slice(2);
const behaviour = process.env.FAKE_PIP ?? '';
const fail = (/** @type {string} */ message) => {
  console.error(message);
  process.exit(1);
};

if (args[0] === '-I') {
  const pip = behaviour !== 'absent';
  console.log(JSON.stringify({ executable: process.env.SELF, version: '3.12.0', pip, tensorflow: null }));
} else if (behaviour === 'offline') {
  fail('WARNING: Retrying: NewConnectionError: Failed to establish a new connection: [Errno 111] Connection refused');
} else if (behaviour === 'full') {
  fail("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device: '/tmp/x'");
} else if (behaviour === 'unknown') {
  fail('ERROR: No matching distribution found for tensorflow-cpu==2.21.0');
} else {
  const wheel = process.env.FAKE_WHEEL ?? '';
  if (behaviour === 'hang') {
    const half = readFileSync(wheel).subarray(0, 1000);
    writeFileSync(join(process.env.TMPDIR ?? '', 'half.whl'), half);
    writeFileSync(process.env.FAKE_MARK ?? '', String(process.pid));
    setInterval(() => {}, 1000);
  } else {
    copyFileSync(wheel, join(args[args.indexOf('-d') + 1] ?? '', basename(wheel)));
  }
}
