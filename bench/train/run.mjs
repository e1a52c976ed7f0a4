// `npm run bench:train`: steps of the same networks here and in PyTorch, alternately, in one run.
import { spawnSync } from 'node:child_process';
import { median, quantile } from 'simple-statistics';
import { root, setUp } from '../../scripts/setup.mjs';
import { answering, pythonWith } from '../peer.mjs';

const rounds = Number(process.env['ROUNDS'] ?? 5);

const cifar = [32, 32, 3];
const resnet20 = { model: 'resnet20', batch: 128, shape: cifar, steps: 4 };
const resnet18 = { model: 'resnet18', batch: 64, shape: cifar, steps: 2 };
const smallCnn = { model: 'small-cnn', batch: 128, shape: [8, 8, 1], steps: 20 };
const tasks = [
  { ...smallCnn, what: 'train', method: 'erm' },
  { ...resnet20, what: 'train', method: 'erm' },
  { ...resnet20, what: 'train', method: 'sat' },
  { ...resnet18, what: 'train', method: 'erm' },
  { ...resnet18, what: 'train', method: 'sat' },
  { ...resnet20, what: 'forward', method: 'erm' },
  { ...resnet18, what: 'forward', method: 'erm' },
  { ...resnet20, what: 'pgd', method: 'erm', steps: 1 },
];

setUp();
const python = pythonWith(['torch', 'numpy']);

const wanted = process.argv.slice(2);
const subject = answering(process.execPath, ['out/benchTrain.js', 'tensorflow']);
const peer = answering(python, ['bench/train/peer.py']);
console.log(
  '| step | TensorFlow runtime | PyTorch NCHW | PyTorch channels_last | PyTorch compiled | against eager’s better | against compiled | peak memory so far, ours and PyTorch’s |',
);
console.log('|---|---|---|---|---|---|---|---|');
for (const task of tasks) {
  const title = `${task.what} ${task.model} ${task.method} ${task.batch}`;
  if (wanted.length > 0 && !wanted.some((part) => title.includes(part))) continue;
  const sides = {
    ours: () => subject.ask({ ...task, model: { name: task.model } }),
    nchw: () => peer.ask({ ...task, layout: 'nchw', compile: false }),
    channelsLast: () => peer.ask({ ...task, layout: 'channels_last', compile: false }),
    compiled: () => peer.ask({ ...task, layout: 'channels_last', compile: true }),
  };
  /** @type {Record<string, number[]>} */
  const times = {};
  const peaks = { ours: 0, peer: 0 };
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, ask] of Object.entries(sides)) {
      const { milliseconds, error, peak_bytes: peak } = await ask();
      const side = name === 'ours' ? 'ours' : 'peer';
      peaks[side] = Math.max(peaks[side], peak / 2 ** 20);
      if (error && round === 0) console.error(`${name}: ${error}`);
      (times[name] ??= []).push(...(milliseconds ?? []));
    }
  }
  const rate = (/** @type {string} */ name) => {
    const all = times[name] ?? [];
    return all.length === 0 ? NaN : (task.batch / median(all)) * 1000;
  };
  const cell = (/** @type {string} */ name) => {
    const all = times[name] ?? [];
    if (all.length === 0) return 'does not work here';
    const [slow, fast] = [quantile(all, 0.75), quantile(all, 0.25)].map((ms) => (task.batch / ms) * 1000);
    return `${rate(name).toFixed(0)} (${slow?.toFixed(0)}–${fast?.toFixed(0)})`;
  };
  const eager = Math.max(rate('nchw'), rate('channelsLast'));
  const against = (/** @type {number} */ other) => (rate('ours') / other).toFixed(2);
  console.log(
    `| ${title} | ${cell('ours')} | ${cell('nchw')} | ${cell('channelsLast')} | ${cell('compiled')} | ${against(eager)} | ${against(rate('compiled'))} | ${peaks.ours.toFixed(0)} MiB, ${peaks.peer.toFixed(0)} MiB |`,
  );
}
subject.end();
peer.end();
if (wanted.length === 0 || wanted.includes('checks')) {
  const names = ['overhead', 'pipeline', 'memory'];
  spawnSync(process.execPath, ['--expose-gc', 'out/benchChecks.js', ...names], { cwd: root, stdio: 'inherit' });
}
