import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startRuntime } from '../../src/trainer/runtimes';
import { passes } from './fixture';
import { failed, replayAll } from './replay';

/** `npm run parity -- DIR [--runtime NAME]`: replays the fixtures in a folder, exits 1 beyond a tolerance. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { runtime: { type: 'string', default: 'wasm' } },
  });
  const [folder] = positionals;
  const { runtime: name } = values;
  if (folder === undefined || (name !== 'wasm' && name !== 'tensorflow')) {
    console.error('Usage: npm run parity -- FOLDER [--runtime wasm|tensorflow]');
    return 2;
  }
  const runtime = await startRuntime({ runtime: name, device: 'auto' }, join(__dirname, '../dist/wasm'));
  const results = await replayAll(folder, runtime.compile);
  for (const { name: title, checks, unsupported } of results) {
    for (const check of checks) {
      const verdict = passes(check) ? 'ok' : 'BEYOND';
      const [deviation, allowed] = [check.deviation, check.tolerance].map((value) =>
        value.toExponential(1).padStart(8),
      );
      console.log(`${title.padEnd(12)} ${check.what.padEnd(46)} ${deviation}  allowed ${allowed}  ${verdict}`);
    }
    for (const what of unsupported) console.log(`${title.padEnd(12)} ${what.padEnd(46)} not supported yet`);
  }
  const wrong = failed(results).length;
  const total = results.reduce((sum, { checks }) => sum + checks.length, 0);
  console.log(`${runtime.name} on ${runtime.device}: ${total - wrong} of ${total} comparisons within tolerance.`);
  return wrong > 0 || total === 0 ? 1 : 0;
}

void main().then((code) => (process.exitCode = code));
