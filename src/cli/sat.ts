import { Command, CommanderError } from 'commander';
import { FaultError } from '../lab/trainerQueries';
import { messageOf } from '../protocol/errors';
import { exitCodes } from '../protocol/run';
import { dataCommand } from './data';
import { evaluateCommand } from './evaluateCommand';
import { endWithReader } from './interrupts';
import { print, UsageError } from './output';
import './context';
import { presetsCommand } from './presets';
import { rerunCommand } from './rerunCommand';
import { runCommand } from './runCommand';
import { runtimeCommand } from './runtimeCommand';
import { deleteCommand, listCommand, resumeCommand, showCommand, stopCommand } from './runsCommands';
import { sweepCommand } from './sweepCommand';

/** The `sat` command: everything the extension does on runs, without VS Code. */
function program(): Command {
  const sat = new Command('sat')
    .description('Trains image classifiers under noisy labels with self-adaptive training, and keeps the runs.')
    .version(SAT_LAB_VERSION)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  for (const command of [
    runCommand(),
    sweepCommand(),
    evaluateCommand(),
    listCommand(),
    showCommand(),
    stopCommand(),
    resumeCommand(),
    rerunCommand(),
    deleteCommand(),
    dataCommand(),
    runtimeCommand(),
    presetsCommand(),
  ]) {
    sat.addCommand(command);
  }
  // Sub-commands do not inherit it.
  for (const command of sat.commands.flatMap((command) => [command, ...command.commands])) command.exitOverride();
  return sat;
}

endWithReader();
program()
  .parseAsync()
  .catch((error: unknown) => {
    if (error instanceof CommanderError) {
      // Commander has said what is wrong; help and version are no error.
      process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
      return;
    }
    print.error(messageOf(error));
    const isWrongCall = error instanceof UsageError || error instanceof FaultError;
    process.exitCode = isWrongCall ? exitCodes.usage : exitCodes.failed;
  });
