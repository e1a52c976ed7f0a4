import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Command } from 'commander';
import { readSafetensorsHeader } from '../formats/safetensors';
import { ofPresentFiles, type Evaluation } from '../lab/evaluate';
import { formatBytes, formatDuration, formatMetric } from '../lab/format';
import { resumeRun } from '../lab/launch';
import { readNoise } from '../lab/noise';
import { attackWords, countWords, shareWords } from '../lab/robustness';
import type { Run } from '../lab/run';
import { stopRun } from '../lab/stop';
import { findRun, listRuns } from '../lab/store';
import { emptyTrash, restoreRun, trashRun } from '../lab/trash';
import { toldWarnings } from '../lab/warnings';
import type { NoiseSummary } from '../protocol/noise';
import { runFiles, type Pin } from '../protocol/run';
import type { SelectiveFile } from '../protocol/selective';
import { otherRuntime } from './configArguments';
import { runsFolder, tools, withCommonOptions, type CommonOptions } from './context';
import { print, table, UsageError } from './output';
import { follow, refuseTwoOutputs } from './runCommand';

/** What `--json` gives of a run. */
export function describeRun(run: Run): Record<string, unknown> {
  const { id, folder, name, status, statusNote, progress, headline, record, runtime } = run;
  return {
    version: 1,
    id,
    folder,
    name,
    status,
    statusNote: statusNote ?? null,
    progress,
    runtime: runtime ?? null,
    headline: headline ?? null,
    latest: Object.fromEntries([...run.series.keys()].map((metric) => [metric, run.latest(metric) ?? null])),
    best: Object.fromEntries([...run.series.keys()].map((metric) => [metric, run.best(metric) ?? null])),
    checkpoints: run.checkpoints.map((checkpoint) => ({ ...checkpoint, kept: existsSync(checkpoint.path) })),
    evaluations: run.evaluations.map(({ folder, status, record }) => ({ ...record, folder, status })),
    start: run.start ?? null,
    selective: run.selectiveResult ?? null,
    record: record ?? null,
  };
}

export function listCommand(): Command {
  return withCommonOptions(new Command('list'))
    .description('list the runs, newest first')
    .action(async (options: CommonOptions) => {
      const folder = runsFolder(options);
      const runs = await listRuns(folder);
      if (options.json) return print.json({ version: 1, runs: runs.map(describeRun) });
      if (runs.length === 0) return print.line(`No runs in ${folder}. "sat run CONFIG" starts one.`);
      print.line(table(['run', 'name', 'status', 'epoch', 'last', 'best'], runs.map(row)));
    });
}

function row(run: Run): string[] {
  const { headline, progress } = run;
  const last = headline === undefined ? undefined : run.latest(headline);
  const best = headline === undefined ? undefined : run.best(headline);
  const show = (value: number | undefined) =>
    headline === undefined || value === undefined ? '' : formatMetric(headline, value);
  const epoch = progress.epochs === undefined ? '' : `${progress.epoch}/${progress.epochs}`;
  return [run.id, run.name, run.status, epoch, show(last?.value), show(best?.value)];
}

export function showCommand(): Command {
  return withCommonOptions(new Command('show'))
    .description('show a run, or the header of a checkpoint')
    .argument('<run>', 'an id, the beginning of one, a path, or a .safetensors file')
    .action(async (reference: string, options: CommonOptions) => {
      if (reference.endsWith('.safetensors')) return showCheckpoint(resolve(reference), options);
      const run = await findRun(runsFolder(options), reference);
      const noise = await readNoise(run.folder);
      if (options.json) return print.json({ ...describeRun(run), noise: noise ?? null });
      const { progress, runtime } = run;
      print.line(`${run.name}\n${run.folder}`);
      print.line(`${run.status}${run.statusNote ? `: ${run.statusNote}` : ''}${runtime ? ` (${runtime})` : ''}`);
      if (progress.steps !== undefined) {
        const left =
          run.status === 'running' && progress.secondsLeft !== undefined
            ? `, ${formatDuration(progress.secondsLeft)} left`
            : '';
        print.line(`epoch ${progress.epoch}/${progress.epochs}, step ${progress.step}/${progress.steps}${left}`);
      }
      for (const warning of toldWarnings(run.log)) print.line(`warning: ${warning}`);
      if (noise) print.line(noiseWords(noise));
      const metrics = [...run.series.keys()].map((metric) => {
        const [last, best] = [run.latest(metric), run.best(metric)];
        return [
          metric,
          last ? formatMetric(metric, last.value) : '',
          best ? `${formatMetric(metric, best.value)} @ step ${best.step}` : '',
        ];
      });
      if (metrics.length > 0) print.line(`\n${table(['metric', 'last', 'best'], metrics)}`);
      if (run.selectiveResult) print.line(`\n${selectiveTable(run.selectiveResult)}`);
      // Old ones are removed as a run goes on.
      const kept = run.checkpoints.filter(({ path }) => existsSync(path));
      if (kept.length > 0) {
        const rows = kept.map(({ name, path }) => [name, path]);
        print.line(`\n${table(['checkpoint', 'file'], rows)}`);
      }
      const evaluations = ofPresentFiles(run.evaluations);
      if (evaluations.length > 0) print.line(`\n${evaluationTable(evaluations)}`);
    });
}

/** The largest matrix that a terminal shows. */
const shownClasses = 20;

function noiseWords({ type, count, trueErrorRate, transitionMatrix }: NoiseSummary): string {
  if (trueErrorRate === undefined)
    return `noise ${type}: ${countWords(count)} images of the whole training set replaced`;
  const words = `noise ${type}: ${countWords(count)} labels of the whole training set wrong, ${formatMetric('test/accuracy', trueErrorRate)}`;
  if (transitionMatrix === undefined || transitionMatrix.length > shownClasses) return words;
  const head = ['true \\ given, %', ...transitionMatrix.map((_, given) => String(given))];
  const rows = transitionMatrix.map((row, truth) => [
    String(truth),
    ...row.map((share) => (share === 0 ? '·' : (share * 100).toFixed(1))),
  ]);
  return `${words}\n\n${table(head, rows)}`;
}

function evaluationTable(evaluations: readonly Evaluation[]): string {
  const head = ['checkpoint', 'attack', 'images', 'natural', 'robust', 'status'];
  const rows = evaluations.map(({ checkpoint, record, robust, status, statusNote }) => {
    const counts = record?.counts;
    const name = basename(checkpoint, '.safetensors');
    return [
      name.startsWith('epoch-') ? name : `${name} (epoch ${record?.epoch})`,
      record ? attackWords(record.attack) : '',
      counts ? countWords(counts.total) : '',
      counts ? formatMetric('test/accuracy', counts.correct / counts.total) : '',
      counts && robust && record.attack.name !== 'none' ? shareWords(robust) : '',
      statusNote === undefined ? status : `${status}: ${statusNote}`,
    ];
  });
  return table(head, rows);
}

/** The authors' table: the risk of the surest answers, a row for each coverage. */
function selectiveTable({ epoch, samples, curves }: SelectiveFile): string {
  const coverages = curves[0]?.table.map(({ coverage }) => coverage) ?? [];
  const rows = coverages.map((coverage, i) => [
    `${coverage} %`,
    ...curves.map(({ table: points }) => {
      const { accepted = 0, errors = 0 } = points[i] ?? {};
      return accepted === 0 ? '–' : `${((errors / accepted) * 100).toFixed(2)} % (${errors} of ${accepted})`;
    }),
  ]);
  const titles = curves.map(({ score }) => `risk by ${score.replace('_', ' ')}`);
  const areas = ['AURC', ...curves.map(({ aurc }) => `${(aurc * 100).toFixed(2)} %`)];
  return table([`coverage of ${samples}, epoch ${epoch}`, ...titles], [...rows, areas]);
}

async function showCheckpoint(file: string, { json }: CommonOptions): Promise<void> {
  const { tensors, metadata } = await readSafetensorsHeader(file);
  if (json) {
    print.json({ version: 1, file, metadata, tensors: Object.fromEntries(tensors) });
    return;
  }
  for (const [key, value] of Object.entries(metadata)) print.line(`${key}: ${value}`);
  const rows = [...tensors].map(([name, { dtype, shape }]) => [name, dtype, `[${shape.join(', ')}]`]);
  print.line(`\n${table(['tensor', 'type', 'shape'], rows)}`);
}

export function stopCommand(): Command {
  return withCommonOptions(new Command('stop'))
    .description('stop a run gracefully; it can be resumed')
    .argument('<run>')
    .action(async (reference: string, options: CommonOptions) => {
      const run = await findRun(runsFolder(options), reference);
      await stopRun(run);
      await run.refresh();
      if (options.json) print.json(describeRun(run));
      else print.line(`${run.name}: ${run.status}`);
    });
}

interface ResumeOptions extends CommonOptions {
  checkpoint?: string;
  runtime?: Pin['runtime'];
  detach?: boolean;
  ndjson?: boolean;
}

export function resumeCommand(): Command {
  return withCommonOptions(new Command('resume'))
    .description('go on with a run from its newest checkpoint')
    .argument('<run>')
    .option('--checkpoint <path>', 'the checkpoint to go on from: a file, or its name such as epoch-10')
    .addOption(otherRuntime)
    .option('--detach', 'return as soon as the run has started')
    .option('--ndjson', 'print the run’s events')
    .action(async (reference: string, options: ResumeOptions) => {
      refuseTwoOutputs(options);
      const run = await findRun(runsFolder(options), reference);
      const { checkpoint, runtime } = options;
      const named = checkpoint && join(run.folder, runFiles.checkpoints, `${checkpoint}.safetensors`);
      const file = named && existsSync(named) ? named : checkpoint && resolve(checkpoint);
      await resumeRun(run, tools, { checkpoint: file, runtime });
      if (!options.detach) process.exitCode = await follow(run, options);
      await run.refresh();
      if (options.json) print.json(describeRun(run));
    });
}

interface DeleteOptions extends CommonOptions {
  restore?: boolean;
  emptyTrash?: boolean;
}

export function deleteCommand(): Command {
  return withCommonOptions(new Command('delete'))
    .description('move a run to the trash of its runs folder, where it takes as much space as before')
    .argument('[run]')
    .option('--restore', 'take it out of the trash instead')
    .option('--empty-trash', 'delete all that is in the trash for good')
    .action(async (reference: string | undefined, options: DeleteOptions) => {
      const folder = runsFolder(options);
      if (options.emptyTrash) {
        if (reference !== undefined) throw new UsageError('--empty-trash takes no run: it deletes all in the trash.');
        const { runs, bytes } = await emptyTrash(folder);
        if (options.json) return print.json({ version: 1, runs, bytes });
        return print.note(`${runs === 1 ? '1 run is' : `${runs} runs are`} deleted, ${formatBytes(bytes)}.`);
      }
      if (reference === undefined) throw new UsageError('missing required argument: a run, or --empty-trash');
      if (options.restore) {
        const id = await restoreRun(folder, reference);
        if (options.json) return print.json({ version: 1, id, deleted: false });
        return print.note(`${id} is back.`);
      }
      const run = await findRun(folder, reference);
      await trashRun(run);
      if (options.json) return print.json({ version: 1, id: run.id, deleted: true });
      print.note(
        `${run.name} is in the trash. "sat delete --restore ${run.id}" brings it back, "sat delete --empty-trash" frees the space.`,
      );
    });
}
