import { SingleBar } from 'cli-progress';
import { Command, Option } from 'commander';
import { formatBytes, formatDuration } from '../lab/format';
import { installRuntime, removeRuntime } from '../lab/runtimeInstall/install';
import { describeStatus, runtimeStatus, whatRunsUse } from '../lab/runtimeInstall/installed';
import { thisMachine } from '../lab/runtimeInstall/machine';
import { phaseTitles, type InstallProgress } from '../lab/runtimeInstall/progress';
import { describeSizes, findSources, sourceKinds, type SourceKind } from '../lab/runtimeInstall/sources';
import { messageOf } from '../protocol/errors';
import { installedRuntimesFolder } from '../protocol/installedRuntime';
import { exitCodes } from '../protocol/run';
import { tools, withCommonOptions, type CommonOptions } from './context';
import { print } from './output';

interface InstallCommandOptions extends CommonOptions {
  source?: SourceKind;
  python?: string;
}

export function runtimeCommand(): Command {
  return new Command('runtime')
    .description('TensorFlow, which computes faster than the embedded runtime')
    .addCommand(installCommand())
    .addCommand(statusCommand())
    .addCommand(removeCommand());
}

function installCommand(): Command {
  return withCommonOptions(new Command('install'))
    .description('install TensorFlow, from the best source that is found here')
    .addOption(
      new Option('--source <kind>', 'a Python that has it, a wheel that pip downloads, or an npm package').choices(
        sourceKinds,
      ),
    )
    .option(
      '--python <path>',
      'the Python to take it from or to download it with: a program, or an environment’s folder',
    )
    .action(install);
}

async function install({ source: kind, python, json }: InstallCommandOptions): Promise<void> {
  const folder = installedRuntimesFolder();
  const machine = thisMachine();
  const abort = new AbortController();
  const cancel = () => abort.abort();
  process.on('SIGINT', cancel).on('SIGTERM', cancel);
  const bar = progressBar();
  try {
    const [source] = await findSources({ kind, python, machine });
    if (!source) return;
    print.note(`${source.title}: ${describeSizes(source)}, in ${folder}.`);
    await installRuntime({ folder, source, machine, tools, signal: abort.signal, onProgress: bar.update });
    bar.stop();
    await tell(folder, json);
  } catch (error) {
    bar.stop();
    const after = await whatRunsUse(folder);
    if (!abort.signal.aborted) throw new Error(`${messageOf(error)} ${after}`);
    print.note(`Cancelled; nothing was changed. ${after}`);
    process.exitCode = exitCodes.stopped;
  } finally {
    process.off('SIGINT', cancel).off('SIGTERM', cancel);
  }
}

/** A bar on a terminal, else a line for each phase. */
function progressBar() {
  const bar = new SingleBar({
    format: '{phase} {bar} {amount} {left}',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  let phase: InstallProgress['phase'] | undefined;
  const show = ({ done = 0, total = 0, secondsLeft }: InstallProgress) => ({
    phase: phase && phaseTitles[phase],
    amount: total > 0 ? `${formatBytes(done)} of ${formatBytes(total)}` : '',
    left: secondsLeft === undefined ? '' : `${formatDuration(secondsLeft)} left`,
  });
  return {
    update: (progress: InstallProgress) => {
      if (progress.phase !== phase) {
        phase = progress.phase;
        if (process.stderr.isTTY) bar.start(progress.total ?? 1, 0, show(progress));
        else print.note(`${phaseTitles[phase]} …`);
      }
      bar.update(progress.done ?? 0, show(progress));
    },
    stop: () => bar.stop(),
  };
}

function statusCommand(): Command {
  return withCommonOptions(new Command('status'))
    .description('what is installed, whether it works, and on which device')
    .action(({ json }: CommonOptions) => tell(installedRuntimesFolder(), json));
}

async function tell(folder: string, json: boolean | undefined): Promise<void> {
  const status = await runtimeStatus(folder, tools);
  const broken = status.installed && status.problem !== undefined;
  if (broken) process.exitCode = exitCodes.failed;
  if (json) print.json({ version: 1, ...status });
  else print.line(describeStatus(status));
}

function removeCommand(): Command {
  return withCommonOptions(new Command('remove'))
    .description('delete the installed TensorFlow')
    .action(async ({ json }: CommonOptions) => {
      const removed = await removeRuntime(installedRuntimesFolder());
      if (json) return print.json({ version: 1, removed });
      print.note(removed ? 'TensorFlow is removed. Runs use the embedded runtime.' : 'TensorFlow was not installed.');
    });
}
