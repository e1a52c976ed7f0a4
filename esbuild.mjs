// Bundles everything that ships: `node esbuild.mjs [--watch] [--production]`.
import { build, context } from 'esbuild';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const watch = process.argv.includes('--watch');
const production = process.argv.includes('--production');

/** tfjs takes its HTTP client from node-fetch, a third of a megabyte that nothing here uses. */
const withoutNodeFetch = {
  name: 'without-node-fetch',
  setup(b) {
    b.onResolve({ filter: /^node-fetch$/ }, () => ({ path: 'node-fetch', namespace: 'global-fetch' }));
    b.onLoad({ filter: /.*/, namespace: 'global-fetch' }, () => ({ contents: 'module.exports = globalThis.fetch' }));
  },
};

/** tfjs-node asks for all of tfjs, of which only the core is used; and for protocol buffers that only its summaries need. */
const tfjsNode = {
  name: 'tfjs-node',
  setup(b) {
    b.onResolve({ filter: /^@tensorflow\/tfjs$/ }, () => ({
      path: join(root, 'src/trainer/runtimes/tensorflow/union.ts'),
    }));
    b.onResolve({ filter: /\/proto\/api_pb$/ }, () => ({ path: 'api_pb', namespace: 'nothing' }));
    b.onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: '' }));
  },
};

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: production,
  sourcemap: production ? false : 'linked',
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
  define: { SAT_LAB_VERSION: JSON.stringify(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version) },
};

const node = {
  ...common,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  mainFields: ['module', 'main'],
  plugins: [withoutNodeFetch, tfjsNode],
};

const bundles = [
  { ...node, entryPoints: ['src/extension/extension.ts'], outfile: 'dist/extension.js', external: ['vscode'] },
  { ...node, entryPoints: ['src/cli/sat.ts'], outfile: 'dist/sat.js', banner: { js: '#!/usr/bin/env node' } },
  { ...node, entryPoints: ['src/lab/supervisor.ts'], outfile: 'dist/supervisor.js' },
  { ...node, entryPoints: ['src/lab/runtimeInstall/smoke.ts'], outfile: 'dist/runtimeSmoke.js' },
  { ...node, entryPoints: ['src/trainer/main.ts'], outfile: 'dist/trainer.js' },
  { ...node, entryPoints: ['bench/parity/main.ts'], outfile: 'out/parity.js' },
  { ...node, entryPoints: ['bench/train/subject.ts'], outfile: 'out/benchTrain.js' },
  { ...node, entryPoints: ['bench/train/checks.ts'], outfile: 'out/benchChecks.js' },
  {
    ...node,
    entryPoints: ['scripts/demo.ts'],
    outfile: 'out/demo.js',
    // Run from where they lie: they find their packages beside themselves.
    external: ['../test/host/*'],
  },
  {
    ...common,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    entryPoints: ['webview/panel.ts'],
    outfile: 'dist/webview/panel.js',
    tsconfig: 'webview/tsconfig.json',
  },
];

async function copyAssets() {
  await mkdir(join(root, 'dist/wasm'), { recursive: true });
  await mkdir(join(root, 'dist/webview'), { recursive: true });
  const wasm = join(root, 'node_modules/@tensorflow/tfjs-backend-wasm/dist');
  // Node takes the SIMD build; the plain one serves processors without SIMD. The threaded build does not run in Node.
  for (const file of ['tfjs-backend-wasm-simd.wasm', 'tfjs-backend-wasm.wasm']) {
    await cp(join(wasm, file), join(root, 'dist/wasm', file));
  }
  // Its loader looks beside the bundle.
  await cp(join(root, 'node_modules/@cwasm/jpeg-turbo/jpeg-turbo.wasm'), join(root, 'dist/jpeg-turbo.wasm'));
  const codicons = join(root, 'node_modules/@vscode/codicons/dist');
  for (const file of ['codicon.css', 'codicon.ttf']) await cp(join(codicons, file), join(root, 'dist/webview', file));
}

/** Writes media/sat.schema.json from the zod schema; a test holds them in step. */
async function writeConfigSchema() {
  const outfile = join(root, 'out/config-schema.mjs');
  await build({
    ...common,
    sourcemap: false,
    platform: 'node',
    format: 'esm',
    entryPoints: ['src/protocol/config.ts'],
    outfile,
  });
  const { configJsonSchema } = await import(pathToFileURL(outfile).href);
  await writeFile(join(root, 'media/sat.schema.json'), JSON.stringify(configJsonSchema(), null, 2) + '\n');
}

await copyAssets();
await writeConfigSchema();
if (watch) {
  for (const bundle of bundles) await (await context(bundle)).watch();
  console.log('Watching.');
} else {
  const results = await Promise.all(
    bundles.filter((b) => existsSync(join(root, b.entryPoints[0]))).map((bundle) => build(bundle)),
  );
  await mkdir(join(root, 'out'), { recursive: true });
  const outputs = Object.assign({}, ...results.map((r) => r.metafile.outputs));
  await writeFile(join(root, 'out/metafile.json'), JSON.stringify(outputs));
}
