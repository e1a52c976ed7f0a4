import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MultiBar } from 'cli-progress';
import Table from 'cli-table3';
import { loadConfigFile } from '../src/lab/config';
import { formatDuration, formatMetric } from '../src/lab/format';
import { startRun } from '../src/lab/launch';
import type { Run } from '../src/lab/run';
import { stopRun } from '../src/lab/stop';

const root = join(__dirname, '..');
const workspace = join(root, 'sat-demo');

const common = {
  version: 1,
  data: { name: 'digits', noise: { type: 'corrupted_label', rate: 0.4, seed: 0 } },
  model: { name: 'small-cnn' },
  epochs: 40,
  seed: 0,
};
const files = {
  'erm.sat.json': { ...common, name: 'digits, ERM, 40 % noise', method: { name: 'erm' } },
  'sat.sat.json': { ...common, name: 'digits, SAT, 40 % noise', method: { name: 'sat', alpha: 0.9, startEpoch: 3 } },
};

/** Trains ERM and SAT on digits with 40 % corrupted labels, side by side, and prints what came out. */
async function demo(): Promise<number> {
  mkdirSync(workspace, { recursive: true });
  const runs: Run[] = [];
  for (const [name, content] of Object.entries(files)) {
    const file = join(workspace, name);
    writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
    runs.push(await launch(file));
  }
  process.once('SIGINT', () => {
    void Promise.allSettled(runs.map((run) => stopRun(run))).then(() => process.exit(130));
  });
  console.log(
    'Training on handwritten digits with 40 % corrupted labels (36 % wrong): plain (ERM) and self-adaptive (SAT).\n',
  );
  await watch(runs);
  console.log(resultTable(runs));
  const failed = runs.filter(({ status }) => status !== 'completed');
  for (const run of failed) console.error(`${run.name}: ${run.status}: ${run.statusNote ?? ''}`);
  if (failed.length === 0) {
    console.log('ERM learns first, then memorises the wrong labels; SAT corrects them and keeps its accuracy.\n');
  }
  const shown = relative(process.cwd(), workspace) || '.';
  console.log(`The runs are in ${shown}. Open that folder in VS Code with the extension installed`);
  console.log(
    '(npm run package, then "Extensions: Install from VSIX"), or see it in a browser now: npm run demo -- --open',
  );
  return failed.length === 0 ? 0 : 1;
}

async function launch(configFile: string): Promise<Run> {
  const result = await loadConfigFile(configFile);
  const [cell] = result.ok ? result.cells : [];
  if (!cell) throw new Error(`${configFile} is not sound`);
  return startRun(
    { runsFolder: join(workspace, 'sat-runs'), config: cell.config, configFile, group: 'demo', cell: cell.hash },
    { node: process.execPath, dist: join(root, 'dist'), version: SAT_LAB_VERSION },
  );
}

async function watch(runs: readonly Run[]): Promise<void> {
  const bars = new MultiBar({
    format: '{name}  {bar} {percentage} %  {left}',
    hideCursor: true,
    // Without a terminal, say how far it is every few seconds instead.
    noTTYOutput: true,
    notTTYSchedule: 5000,
  });
  const all = runs.map((run) => ({ run, bar: bars.create(1, 0, { name: run.name, left: '' }) }));
  for (let ended = false; !ended;) {
    await sleep(200);
    ended = true;
    for (const { run, bar } of all) {
      await run.refresh();
      const { step, steps, secondsLeft } = run.progress;
      const running = run.status === 'running';
      const left = running && secondsLeft !== undefined ? `${formatDuration(secondsLeft)} left` : '';
      bar.setTotal(steps ?? 1);
      bar.update(step, { left: running ? left : run.status });
      if (running) ended = false;
    }
  }
  bars.stop();
}

function resultTable(runs: readonly Run[]): string {
  const table = new Table({
    head: ['', 'noisy train labels', 'true train labels', 'test, best', 'test, last', 'labels recovered', 'time'],
    style: { head: [], border: [] },
  });
  for (const run of runs) {
    const last = (metric: string) => {
      const point = run.latest(metric);
      return point ? formatMetric(metric, point.value) : '–';
    };
    const best = run.best('test/accuracy');
    const seconds = (run.lastTime ?? NaN) - Date.parse(run.record?.created ?? '') / 1000;
    table.push([
      run.name.includes('SAT') ? 'SAT' : 'ERM',
      last('train_eval/accuracy'),
      last('train_eval/clean_accuracy'),
      best ? formatMetric('test/accuracy', best.value) : '–',
      last('test/accuracy'),
      last('sat/label_recovery'),
      formatDuration(seconds),
    ]);
  }
  return table.toString();
}

/** Serves the demo's workspace in a real VS Code in the browser, with the packaged extension installed. */
async function open(): Promise<number> {
  const { installHost } = await import('../test/host/install.mjs');
  const { startServer } = await import('../test/host/server.mjs');
  const installed = await installHost({
    systemPackages: false,
    browser: false,
    log: (line: string) => console.log(line),
  });
  if (!installed.ok) {
    console.error(installed.problem);
    return 1;
  }
  console.log('Packaging the extension …');
  execFileSync('npm', ['run', '--silent', 'package'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const host = join(root, '.cache', 'demo-host');
  const password = randomBytes(9).toString('base64url');
  const server = await startServer({
    userDir: join(host, 'user'),
    extensionsDir: join(host, 'extensions'),
    auth: { password },
    trust: true,
    smokeDriver: false,
  });
  await server.installExtension(join(root, 'sat-lab.vsix'));
  console.log(`\nVS Code with SAT Lab: ${server.url}/?folder=${encodeURIComponent(workspace)}`);
  console.log(`Password, for this time only: ${password}\nCtrl-C ends it.`);
  // The server does not keep this process alive, and it ends with it.
  const alive = setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
  });
  clearInterval(alive);
  await server.stop();
  return 0;
}

void (async () => {
  mkdirSync(workspace, { recursive: true });
  process.exitCode = process.argv.includes('--open') ? await open() : await demo();
})();
