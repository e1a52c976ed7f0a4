// Pretends to compute with what was installed, as FAKE_SMOKE says: '' is content when all files are there.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2] ?? '';
const behaviour = process.env.FAKE_SMOKE ?? '';
const binding = join(folder, 'tfjs_binding.node');
const files = [binding, join(folder, 'lib/libtensorflow_cc.so.2'), join(folder, 'lib/libtensorflow_framework.so.2')];
const say = (/** @type {unknown} */ found) => console.log(JSON.stringify(found));

if (behaviour === 'hang') {
  writeFileSync(process.env.FAKE_MARK ?? '', String(process.pid));
  setInterval(() => {}, 1000);
} else if (behaviour === 'illegal') {
  process.kill(process.pid, 'SIGILL');
} else if (behaviour === 'old-libc') {
  say({ error: `libc.so.6: version \`GLIBC_2.27' not found (required by ${files[1]})` });
} else if (behaviour === 'old-libstdcxx' && readFileSync(binding, 'utf8') !== 'compiled') {
  say({ error: `libstdc++.so.6: version \`GLIBCXX_3.4.21' not found (required by ${binding})` });
} else if (files.every((file) => existsSync(file))) {
  say({ tensorflow: '2.21.0', gpu: false });
} else {
  say({ error: 'something is missing' });
}
