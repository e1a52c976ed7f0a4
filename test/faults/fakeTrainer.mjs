// Stands in for the trainer: the same commands, events, files and exit codes, without any training.
// FAKE_TRAINER names how it misbehaves, separated by commas:
//   slow            twenty steps a second, a thousand of them
//   ignore-sigint   neither SIGINT nor the stop file stops it
//   ignore-sigterm  nor does SIGTERM
//   grandchild      starts a process that ignores SIGINT and SIGTERM; its pid is in RUN/grandchild.pid
//   fail            ends with code 3 and a message on standard error
//   other-data      tells of another data set than usual
//   refuse          finds every configuration at fault
//   warn            warns of something
//   garbage         prints lines that are no events between its events
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const behaviours = new Set((process.env.FAKE_TRAINER ?? '').split(','));
const [command, ...args] = process.argv.slice(2);
const print = (text) => writeSync(1, text);
const emit = (event) => print(JSON.stringify(event) + '\n');
const now = () => Date.now() / 1000;

if (command === 'train') train(args[0], args[1] === '--resume' ? args[2] : undefined);
else if (command === 'evaluate') evaluate(args[0]);
else if (command === 'data') data(...args);
else if (command === 'check') check();
else {
  writeSync(2, 'Usage: trainer train RUN_FOLDER [--resume CHECKPOINT]\n');
  process.exitCode = 2;
}

function train(folder, resume) {
  appendFileSync(join(folder, 'trainers'), `${process.pid}\n`);
  if (behaviours.has('fail')) {
    writeSync(2, 'The sky is falling.\n');
    process.exitCode = 3;
    return;
  }
  const ignore = behaviours.has('ignore-sigint');
  let stopping = false;
  process.on('SIGINT', () => (stopping ||= !ignore));
  if (behaviours.has('ignore-sigterm')) process.on('SIGTERM', () => {});
  if (behaviours.has('grandchild')) {
    const program = `for (const s of ['SIGINT', 'SIGTERM']) process.on(s, () => {});
      require('node:fs').writeFileSync(process.argv[1], String(process.pid));
      setInterval(() => {}, 1000);`;
    spawn(process.execPath, ['-e', program, join(folder, 'grandchild.pid')], { stdio: 'ignore' }).unref();
  }
  const slow = behaviours.has('slow');
  const steps = slow ? 1000 : 4;
  let step = resume === undefined ? 0 : JSON.parse(readFileSync(resume, 'utf8')).step;
  if (resume !== undefined) print('\n');
  emit({
    event: 'start',
    time: now(),
    runtime: 'fake',
    device: 'none',
    steps,
    epochs: 2,
    threads: 1,
    data: behaviours.has('other-data') ? 'sha256:1' : 'sha256:0',
    ...(step > 0 && { fromStep: step }),
  });
  if (behaviours.has('warn')) emit({ event: 'log', level: 'warn', message: 'sat begins too late' });
  const { attacks = [] } = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')).config.evaluate ?? {};
  // The best is neither the first nor the last.
  const robust = (step) => attacks.map(({ name }) => [`test/robust_accuracy/${name}`, 0.4 / (1 + Math.abs(step - 2))]);
  const next = () => {
    if (!ignore && existsSync(join(folder, 'stop'))) stopping = true;
    if (stopping) return finish('stopped', 130);
    if (step >= steps) return finish('completed', 0);
    step += 1;
    if (behaviours.has('garbage')) print(`Step ${step} of many\n{"event":"metrics","step":"one"}\n`);
    emit({
      event: 'metrics',
      step,
      epoch: Math.floor((2 * step) / steps),
      time: now(),
      values: { 'train/loss': 1 / step, 'test/accuracy': step / (step + 1), ...Object.fromEntries(robust(step)) },
    });
    setTimeout(next, slow ? 50 : 5);
  };
  const finish = (status, code) => {
    const path = `checkpoints/step-${step}.safetensors`;
    mkdirSync(join(folder, 'checkpoints'), { recursive: true });
    for (const name of [path, 'checkpoints/latest.safetensors']) {
      writeFileSync(join(folder, name), JSON.stringify({ step }));
    }
    emit({ event: 'checkpoint', step, path });
    emit({ event: 'end', status, time: now() });
    process.exit(code);
  };
  next();
}

/** Slow ones take five seconds. An attack of size ε leaves 90 (1 − ε) of 100 images. There are too few classes for APGD-T. */
function evaluate(folder) {
  const file = join(folder, 'evaluation.json');
  const record = JSON.parse(readFileSync(file, 'utf8'));
  if (record.attack.name === 'apgd-t') {
    emit({ event: 'end', status: 'failed', message: 'APGD-T needs 4 classes', time: now() });
    process.exitCode = 1;
    return;
  }
  emit({ event: 'start', time: now(), runtime: 'fake', device: 'none', steps: 1000 });
  const counts = { total: 100, correct: 90, robust: Math.round(90 * (1 - (record.attack.epsilon ?? 0))) };
  let step = behaviours.has('slow') ? 0 : 1000;
  const next = () => {
    if (existsSync(join(folder, 'stop'))) return emit({ event: 'end', status: 'stopped', time: now() });
    if (step < 1000) {
      step += 10;
      emit({ event: 'metrics', step, time: now(), values: { 'test/accuracy': 0.9 } });
      return setTimeout(next, 50);
    }
    writeFileSync(file, JSON.stringify({ ...record, counts, started: now(), ended: now() }));
    emit({ event: 'end', status: 'completed', time: now() });
  };
  next();
}

function check() {
  let input = '';
  process.stdin.on('data', (bytes) => (input += bytes));
  process.stdin.on('end', () => {
    const configs = behaviours.has('refuse') ? JSON.parse(input) : [];
    const dataSets = [...new Set(configs.map(({ data }) => data.name))];
    print(JSON.stringify(dataSets.map((dataSet) => ({ dataSet, message: `${dataSet}: no files.` }))) + '\n');
  });
}

/** Digits are there, and other data sets where their folder is. */
function data(action, ...rest) {
  const check = ({ name, root, size }) => {
    const ok = name === 'digits' || existsSync(root ?? '');
    const message = ok ? '4 images' : 'no files';
    const ofFile = size === undefined ? message : `${message} at size ${size}`;
    return { name, ok, message, files: [{ file: 'all', status: ok ? 'ok' : 'missing', message: ofFile }] };
  };
  const found = action === 'list' ? [check({ name: 'digits' }), check({ name: 'mnist' })] : check(JSON.parse(rest[0]));
  print(JSON.stringify(found) + '\n');
}
