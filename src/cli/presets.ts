import { Command } from 'commander';
import { listPresets, noSuchPreset } from '../lab/presets';
import { withCommonOptions, type CommonOptions } from './context';
import { print, table, UsageError } from './output';

export function presetsCommand(): Command {
  return withCommonOptions(new Command('presets'))
    .description('list the presets: the authors’ experiments, and small forms of them; with a name, what it is')
    .argument('[name]')
    .action(async (named: string | undefined, { json }: CommonOptions) => {
      const all = await listPresets();
      const presets = named === undefined ? all : all.filter(({ name }) => name === named);
      const [first] = presets;
      if (named !== undefined && !first) throw new UsageError(`${named}: ${await noSuchPreset()}`);
      if (json) return print.json({ version: 1, presets });
      if (named !== undefined && first) {
        print.line(`${first.title}\n${first.notes}\n\nsat ${first.isSweep ? 'sweep' : 'run'} --preset ${first.name}`);
        return;
      }
      print.line(
        table(
          ['preset', '', ''],
          presets.map(({ name, isSweep, title }) => [name, isSweep ? 'sweep' : 'run', title]),
        ),
      );
    });
}
