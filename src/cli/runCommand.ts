import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { recordedConfig } from '../lab/config';
import { formatDuration, formatMetric, metricWords } from '../lab/format';
import { startRun } from '../lab/launch';
import { attackTitle } from '../lab/robustness';
import type { Run } from '../lab/run';
import { stopRun } from '../lab/stop';
import { requireSound } from '../lab/trainerQueries';
import { toldWarnings } from '../lab/warnings';
import { exitCodes, runFiles } from '../protocol/run';
import { readConfig, withConfigArguments, type ConfigOptions } from './configArguments';
import { runsFolder, tools, withCommonOptions, type CommonOptions } from './context';
import { onInterrupt } from './interrupts';
import { print, UsageError } from './output';
import { describeRun } from './runsCommands';

interface RunOptions extends CommonOptions, ConfigOptions {
  name?: string;
  detach?: boolean;
  ndjson?: boolean;
}

export function runCommand(): Command {
  return withCommonOptions(withConfigArguments(new Command('run')))
    .description('start a run and stay with it; Ctrl-C stops it gracefully')
    .option('--name <title>', 'a title for the run')
    .option('--detach', 'return as soon as the run has started')
    .option('--ndjson', 'print the run’s events')
    .action(async (file: string | undefined, options: RunOptions) => {
      refuseTwoOutputs(options);
      const run = await launch(file, options);
      if (options.detach) {
        if (options.json) print.json(describeRun(run));
        else print.line(run.id);
        return;
      }
      process.exitCode = await follow(run, options);
      if (options.json) print.json(describeRun(run));
    });
}

async function launch(file: string | undefined, options: RunOptions): Promise<Run> {
  const name = options.name === undefined ? [] : [`name=${JSON.stringify(options.name)}`];
  const { reference, settings, cells, isSweep } = await readConfig(file, options, name);
  const [cell] = cells;
  if (isSweep || !cell) {
    throw new UsageError(`${file ?? reference} is a sweep of ${cells.length} runs. "sat sweep" runs it.`);
  }
  await requireSound(tools, [cell.config]);
  return startRun(
    { runsFolder: runsFolder(options), config: cell.config, configFile: reference, settings, cell: cell.hash },
    tools,
  );
}

/** @throws UsageError: events and a document on one output would be neither */
export function refuseTwoOutputs({ ndjson, json }: { ndjson?: boolean; json?: boolean }): void {
  if (ndjson && json) throw new UsageError('--ndjson and --json exclude each other.');
}

/** Stays with a run to its end. @returns the exit code */
export async function follow(run: Run, { ndjson, json }: { ndjson?: boolean; json?: boolean }): Promise<number> {
  const interrupts = watchInterrupts(run);
  const events = ndjson ? copyEvents(run) : undefined;
  const bar = ndjson || json || !process.stderr.isTTY ? undefined : progressBar(run);
  if (!bar && !ndjson) print.note(`${run.name} (${run.folder})`);
  let warned = 0;
  // The first moments, until the trainer has told of its start or its failure, are part of the run.
  for (;;) {
    await run.refresh();
    events?.copy();
    const warnings = ndjson ? [] : toldWarnings(run.log);
    for (const warning of warnings.slice(warned)) print.note(`warning: ${warning}`);
    warned = Math.max(warned, warnings.length);
    bar?.update();
    if (run.status !== 'running' && run.status !== 'queued') break;
    await sleep(100);
  }
  events?.close();
  bar?.stop();
  interrupts.dispose();
  if (!ndjson) sayEnd(run);
  if (run.status === 'completed') return exitCodes.done;
  return run.status === 'stopped' ? exitCodes.stopped : exitCodes.failed;
}

function sayEnd(run: Run): void {
  const { headline } = run;
  const best = headline === undefined ? undefined : run.best(headline);
  const last = headline === undefined ? undefined : run.latest(headline);
  const result =
    headline && best && last
      ? `, ${metricWords(headline)} ${formatMetric(headline, last.value)}, best ${formatMetric(headline, best.value)} at epoch ${best.epoch}`
      : '';
  print.note(`${run.name}: ${run.status}${result}${keptBestWords(run)}${run.statusNote ? `: ${run.statusNote}` : ''}`);
}

/** ", best PGD-20 41.3 % at epoch 3": by what the best checkpoint was kept, where that is not the headline. */
function keptBestWords(run: Run): string {
  const config = run.record && recordedConfig(run.record);
  if (!config || config.checkpoint.best === run.headline) return '';
  const metric = config.checkpoint.best;
  const best = run.best(metric);
  if (!best) return '';
  const attack = config.evaluate.attacks.find(({ name }) => metric === `test/robust_accuracy/${name}`);
  const words = attack ? attackTitle(attack) : metricWords(metric);
  return `, best ${words} ${formatMetric(metric, best.value)} at epoch ${best.epoch}`;
}

/** The first Ctrl-C asks the run to stop, the second ends it at once. */
function watchInterrupts(run: Run) {
  return onInterrupt((nth) => {
    if (nth === 1) print.note('Stopping after this step; Ctrl-C again ends it at once.');
    stopRun(run, nth === 1 ? undefined : 0).catch(() => {
      // It has ended meanwhile, which the loop sees.
    });
  });
}

function progressBar(run: Run) {
  const bar = new SingleBar({
    format: `${run.name} {bar} {percentage} % | epoch {epoch} | {left} | {headline}`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(1, 0, { epoch: '', left: '', headline: '' });
  return {
    update: () => {
      const { progress, headline } = run;
      const value = headline === undefined ? undefined : run.latest(headline);
      bar.setTotal(progress.steps ?? 1);
      bar.update(progress.step, {
        epoch: `${progress.epoch}/${progress.epochs ?? '?'}`,
        left: progress.secondsLeft === undefined ? '' : `${formatDuration(progress.secondsLeft)} left`,
        headline: headline && value ? `${metricWords(headline)} ${formatMetric(headline, value.value)}` : '',
      });
    },
    stop: () => bar.stop(),
  };
}

/** Copies the metric stream, byte for byte, to standard output. */
function copyEvents(run: Run) {
  const file = join(run.folder, runFiles.metrics);
  const bytes = Buffer.alloc(1 << 16);
  let descriptor: number | undefined;
  return {
    copy: () => {
      if (descriptor === undefined && existsSync(file)) descriptor = openSync(file, 'r');
      if (descriptor === undefined) return;
      for (let n = readSync(descriptor, bytes); n > 0; n = readSync(descriptor, bytes)) {
        process.stdout.write(Uint8Array.from(bytes.subarray(0, n)));
      }
    },
    close: () => {
      if (descriptor !== undefined) closeSync(descriptor);
    },
  };
}
