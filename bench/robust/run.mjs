// `npm run bench:robust [-- --images 1000 --rounds 3 --network at --norm l2 ATTACK …]`: the same attacks on the same weights
// and images here and in torchattacks, alternately. Robust accuracy must agree within half a point, or one image; images per
// second stand side by side. Without options it takes about a quarter of an hour, nearly all of it AutoAttack.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median } from 'simple-statistics';
import { root, setUp } from '../../scripts/setup.mjs';
import { answering, benchFolder, pythonWith } from '../peer.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    images: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '1' },
    norm: { type: 'string', default: 'linf' },
    /** Only these networks: erm, at. */
    network: { type: 'string', multiple: true },
    /** The four files of Fashion-MNIST, as Debian’s package dataset-fashion-mnist installs them. */
    data: { type: 'string', default: '/usr/share/datasets/fashion-mnist' },
  },
});
const [images, rounds] = [Number(options.images), Number(options.rounds)];
const norm = options.norm === 'l2' ? 'l2' : 'linf';
const place = join(benchFolder, 'robust');

/** Each with an ε that some images withstand and some do not. */
const networks = [
  { name: 'erm', method: { name: 'erm' }, epsilon: { linf: 0.015, l2: 0.2 } },
  {
    name: 'at',
    method: { name: 'adversarial_training', epsilon: 0.1, stepSize: 0.025, steps: 7 },
    epsilon: { linf: 0.1, l2: 1 },
  },
];
/** Passes over the training set. */
const epochs = 4;
const attacks = ['pgd20', 'apgd-ce', 'apgd-t', 'fab-t', 'square', 'autoattack'];
const usual = ['pgd20', 'apgd-ce', 'autoattack'];

/** @param {string[]} args @returns {any} */
function sat(...args) {
  const told = execFileSync(process.execPath, [join(root, 'dist', 'sat.js'), ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(told.toString());
}

/** The checkpoint of a network, trained where there is none. @param {(typeof networks)[number]} network */
function checkpointOf({ name, method }) {
  const runs = join(place, name);
  const trained = () =>
    (existsSync(runs) ? readdirSync(runs) : [])
      .map((run) => join(runs, run, 'checkpoints', `epoch-${epochs}.safetensors`))
      .find((file) => existsSync(file));
  const known = trained();
  if (known) return known;
  console.log(`Training ${name} …`);
  const config = {
    method,
    data: { name: 'fashion-mnist', root: options.data, limit: 10_000 },
    model: { name: 'small-cnn' },
    optimizer: { name: 'sgd', learningRate: 0.05 },
    epochs,
    evaluate: { every: epochs },
  };
  mkdirSync(place, { recursive: true });
  const file = join(place, `${name}.sat.json`);
  writeFileSync(file, JSON.stringify(config));
  sat('run', file, '--runs', runs);
  return trained() ?? '';
}

setUp();
const torch = answering(pythonWith(['torch', 'numpy', 'torchattacks==3.5.1']), [join(root, 'bench/robust/peer.py')]);
console.log(`${images} test images of Fashion-MNIST, medians of ${rounds}`);
console.log(
  '| network, ε | attack | natural | robust here | torchattacks | points apart | images/s here | torchattacks | ratio |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
for (const network of networks) {
  if (options.network && !options.network.includes(network.name)) continue;
  const checkpoint = checkpointOf(network);
  const epsilon = network.epsilon[norm];
  for (const attack of attacks) {
    if (!(positionals.length > 0 ? positionals : usual).includes(attack)) continue;
    const stepSize = epsilon / 10;
    /** @type {{ correct: number, robust: number, seconds: number }[]} */
    const [ours, theirs] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      // An evaluation that was made is not made again: a seed that no call before has had.
      const seed = Math.floor(Date.now() / 1000);
      const more = attack === 'pgd20' ? ['--step-size', String(stepSize)] : [];
      const { evaluations } = sat(
        ...['evaluate', checkpoint, '--attack', attack, '--runtime', 'tensorflow', '--limit', String(images)],
        ...['--norm', norm, '--epsilon', String(epsilon), '--seed', String(seed), ...more],
      );
      const [{ counts, started, ended }] = evaluations;
      ours.push({ ...counts, seconds: ended - started });
      const peerNorm = { linf: 'Linf', l2: 'L2' }[norm];
      const task = {
        checkpoint,
        images,
        attack,
        norm: peerNorm,
        epsilon,
        stepSize,
        seed,
        batch: 128,
        data: options.data,
      };
      theirs.push(await torch.ask(task));
    }
    const points = (/** @type {typeof ours} */ all) => (median(all.map(({ robust }) => robust)) / images) * 100;
    const speed = (/** @type {typeof ours} */ all) => images / median(all.map(({ seconds }) => seconds));
    const cells = [
      `${network.name}, ${norm} ${epsilon}`,
      attack,
      `${(((ours[0]?.correct ?? NaN) / images) * 100).toFixed(1)} / ${(((theirs[0]?.correct ?? NaN) / images) * 100).toFixed(1)}`,
      points(ours).toFixed(2),
      points(theirs).toFixed(2),
      (points(ours) - points(theirs)).toFixed(2),
      speed(ours).toFixed(1),
      speed(theirs).toFixed(1),
      (speed(ours) / speed(theirs)).toFixed(2),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
torch.end();
