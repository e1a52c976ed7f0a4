import { Command, InvalidArgumentError } from 'commander';
import { formatDuration, formatMetric } from '../lab/format';
import { Sweep, sweepGroup, type SweepCell } from '../lab/sweep';
import { claimSweep } from '../lab/sweepClaim';
import { sweepTable, tableWords } from '../lab/sweepTable';
import { requireSound } from '../lab/trainerQueries';
import { exitCodes } from '../protocol/run';
import { readConfig, withConfigArguments, type ConfigOptions } from './configArguments';
import { runsFolder, tools, withCommonOptions, type CommonOptions } from './context';
import { onInterrupt } from './interrupts';
import { logPace, print, table, UsageError } from './output';

interface SweepOptions extends CommonOptions, ConfigOptions {
  jobs: number;
}

export function sweepCommand(): Command {
  return withCommonOptions(withConfigArguments(new Command('sweep')))
    .description('run the grid of a sweep, or what is left of it; Ctrl-C stops it, and the same command goes on')
    .option('--jobs <n>', 'how many runs at a time', positiveInteger, 1)
    .action(async (file: string | undefined, options: SweepOptions) => {
      const { reference, settings, cells, isSweep } = await readConfig(file, options);
      if (!isSweep) throw new UsageError(`${file ?? reference} is no sweep: it has no "sweep". "sat run" starts it.`);
      const { jobs, json } = options;
      const group = sweepGroup(reference, cells);
      const plan = { runsFolder: runsFolder(options), group, config: reference, settings, cells };
      const sweep = await Sweep.open(plan, tools);
      await requireSound(tools, sweep.waiting);
      const release = await claimSweep(plan.runsFolder, { group, config: reference, settings, jobs });
      let finished = false;
      try {
        await follow(sweep, jobs);
        finished = sweep.finished;
        if (json) print.json(describeSweep(sweep));
        else {
          const { head, rows } = tableWords(sweepTable(sweep.cells));
          print.line(table(head, rows));
        }
        process.exitCode = exitCodeOf(sweep);
      } finally {
        await release(finished);
      }
    });
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number from 1 on.');
  return value;
}

function exitCodeOf(sweep: Sweep): number {
  if (sweep.stopped) return exitCodes.stopped;
  const states = new Set(sweep.cells.map(({ state }) => state));
  if (states.has('failed') || states.has('lost')) return exitCodes.failed;
  return states.has('stopped') ? exitCodes.stopped : exitCodes.done;
}

/** How often a terminal's line is told how far it is, in milliseconds. */
const terminalPace = 500;

async function follow(sweep: Sweep, jobs: number): Promise<void> {
  const { cells, plan } = sweep;
  const there = cells.filter(({ state }) => state === 'completed').length;
  print.note(`${plan.group}: ${cells.length} runs${there > 0 ? `, ${there} of them there already` : ''}`);
  const interrupts = watchInterrupts(sweep);
  const said = new Map<SweepCell, SweepCell['state']>(cells.map((cell) => [cell, cell.state]));
  const line = statusLine();
  const timer = setInterval(() => line.show(progressWords(sweep)), process.stderr.isTTY ? terminalPace : logPace);
  try {
    await sweep.run(jobs, () => {
      for (const cell of cells) {
        if (said.get(cell) === cell.state) continue;
        said.set(cell, cell.state);
        if (cell.state !== 'running') line.above(cellWords(cell));
      }
    });
  } finally {
    clearInterval(timer);
    line.clear();
    interrupts.dispose();
  }
  print.note(`${progressWords(sweep)}${sweep.stopped ? '. The same command goes on.' : ''}`);
}

function cellWords({ label, state, run, problem }: SweepCell): string {
  const last = run?.latest('test/accuracy');
  const result = last && state === 'completed' ? `, test accuracy ${formatMetric('test/accuracy', last.value)}` : '';
  return `  ${label}: ${state}${result}${problem === undefined ? '' : `: ${problem}`}`;
}

function progressWords({ cells, progress }: Sweep): string {
  const count = (state: SweepCell['state']) => cells.filter((cell) => cell.state === state).length;
  const { done, total, secondsLeft } = progress;
  return [
    `${done}/${total}`,
    ...(['running', 'failed', 'lost', 'stopped'] as const).flatMap((s) => (count(s) > 0 ? `${count(s)} ${s}` : [])),
    ...(secondsLeft === undefined ? [] : [`${formatDuration(secondsLeft)} left`]),
  ].join(' · ');
}

/** The last line of a terminal, written over; in a log, a line now and then. */
function statusLine() {
  const { stderr } = process;
  let shown = '';
  const clear = () => {
    if (stderr.isTTY && shown !== '') stderr.write('\r\u001b[K');
  };
  const show = (text: string) => {
    clear();
    shown = text;
    stderr.write(stderr.isTTY ? text.slice(0, (stderr.columns || 80) - 1) : `${text}\n`);
  };
  return {
    show,
    clear,
    above: (text: string) => {
      clear();
      stderr.write(`${text}\n`);
      if (stderr.isTTY) stderr.write(shown);
    },
  };
}

/** The first Ctrl-C stops the runs gracefully, the second at once. */
function watchInterrupts(sweep: Sweep) {
  return onInterrupt((nth) => {
    if (nth === 1) print.note('\nStopping what runs after its step; Ctrl-C again ends it at once.');
    void sweep.stop(nth === 1 ? undefined : 0);
  });
}

function describeSweep({ plan, cells }: Sweep): Record<string, unknown> {
  return {
    version: 1,
    group: plan.group,
    config: plan.config,
    cells: cells.map(({ hash, label, settings, state, problem, run }) => ({
      cell: hash,
      label,
      settings,
      state,
      problem: problem ?? null,
      run: run?.id ?? null,
    })),
    ...sweepTable(cells),
  };
}
