// Builds native/prebuilt for this machine: `node scripts/buildBinding.mjs TENSORFLOW`, TENSORFLOW being the folder of an
// installed Python package `tensorflow`. Compiles as `sat runtime install` does.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [tensorflow] = process.argv.slice(2);
if (tensorflow === undefined) {
  console.error('usage: node scripts/buildBinding.mjs TENSORFLOW (the folder of the Python package)');
  process.exit(2);
}

const outfile = join(root, 'out/compile.cjs');
await build({
  entryPoints: [join(root, 'src/lab/runtimeInstall/compile.ts')],
  bundle: true,
  platform: 'node',
  format: 'cjs',
  outfile,
});
const { compileBinding } = (await import(pathToFileURL(outfile).href)).default;
const machine = { platform: process.platform, arch: process.arch };
const folder = join(root, 'native/prebuilt', `${machine.platform}-${machine.arch}`);
mkdirSync(folder, { recursive: true });
const output = join(folder, 'tfjs_binding.node');
await compileBinding({
  native: join(root, 'native'),
  include: join(tensorflow, 'include'),
  libraries: tensorflow,
  output,
  machine,
});
console.log(`${output}, ${statSync(output).size} bytes`);
if (process.platform === 'linux') {
  const symbols = execFileSync('objdump', ['-T', output], { encoding: 'utf8' });
  const versions = new Set(symbols.match(/(GLIBC|GLIBCXX|CXXABI|GCC)_[0-9.]+/g));
  console.log(`needs ${[...versions].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).join(' ')}`);
}
