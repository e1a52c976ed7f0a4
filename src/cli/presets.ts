import { Command } from 'commander';
import { listPresets } from '../lab/presets';
import { withCommonOptions, type CommonOptions } from './context';
import { print, table } from './output';

export function presetsCommand(): Command {
  return withCommonOptions(new Command('presets'))
    .description('list the presets: the authors’ experiments, and small forms of them')
    .action(async ({ json }: CommonOptions) => {
      const presets = await listPresets();
      if (json) return print.json({ version: 1, presets });
      print.line(
        table(
          ['preset', '', ''],
          presets.map(({ name, isSweep, title }) => [name, isSweep ? 'sweep' : 'run', title]),
        ),
      );
    });
}
