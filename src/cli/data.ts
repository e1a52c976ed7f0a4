import { resolve } from 'node:path';
import { Command } from 'commander';
import { checkDataSet, listDataSets } from '../lab/trainerQueries';
import { exitCodes } from '../protocol/run';
import { tools, trainer, withCommonOptions, type CommonOptions } from './context';
import { print, table } from './output';

export function dataCommand(): Command {
  const data = new Command('data').description('the data sets');
  data.addCommand(
    withCommonOptions(new Command('list'))
      .description('list the data sets, and which can be used as they are')
      .action(async ({ json }: CommonOptions) => {
        const found = await listDataSets(tools.node, trainer);
        if (json) return print.json({ version: 1, dataSets: found });
        const rows = found.map(({ name, ok, message }) => [name, ok ? 'ready' : 'needs files', message]);
        print.line(table(['data set', '', ''], rows));
      }),
  );
  data.addCommand(
    withCommonOptions(new Command('check'))
      .description('read a data set whole and say what it is, or what is wrong')
      .argument('<name>')
      .option('--root <folder>', 'the folder with its files')
      .action(async (name: string, { json, root }: CommonOptions & { root?: string }) => {
        const found = await checkDataSet(tools.node, trainer, name, root === undefined ? undefined : resolve(root));
        if (json) print.json({ version: 1, ...found });
        else if (found.ok) print.line(found.message);
        else print.error(found.message);
        if (!found.ok) process.exitCode = exitCodes.failed;
      }),
  );
  return data;
}
