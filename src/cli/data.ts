import { join, resolve } from 'node:path';
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { downloadFiles, type DownloadProgress } from '../lab/dataDownload/download';
import { dataSources, type RemoteFile } from '../lab/dataDownload/sources';
import { formatBytes } from '../lab/format';
import { presetName } from '../lab/presets';
import { checkDataSet, listDataSets } from '../lab/trainerQueries';
import type { DataConfig } from '../protocol/data';
import { exitCodes } from '../protocol/run';
import { readConfig, readSettings, settingsOption } from './configArguments';
import { tools, trainer, withCommonOptions, type CommonOptions } from './context';
import { print, table, UsageError } from './output';

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
      .argument('<name>', 'a data set, or a *.sat.json file or preset:NAME that uses one')
      .option('--root <folder>', 'the folder with its files: data.root')
      .addOption(settingsOption())
      .action(async (name: string, { json, root, set }: CheckOptions) => {
        await tellCheck(
          await dataOf(name, [...set, ...(root === undefined ? [] : [`data.root=${resolve(root)}`])]),
          json,
        );
      }),
  );
  data.addCommand(
    withCommonOptions(new Command('download'))
      .description('download a data set from where it is published, unpack it and check it')
      .argument('<name>')
      .option('--root <folder>', 'where to put it (default: data/NAME in the current folder)')
      .action(download),
  );
  return data;
}

type CheckOptions = CommonOptions & { root?: string; set: string[] };

/** The data of a configuration (a sweep's first cell), or a data set by its name. @throws UsageError when it is wrong */
async function dataOf(name: string, settings: readonly string[]): Promise<DataConfig> {
  const isConfig = presetName(name) !== undefined || name.endsWith('.json');
  const cells = isConfig
    ? (await readConfig(name, { set: [...settings] })).cells
    : await readSettings([`data.name=${name}`, ...settings]);
  const [first] = cells;
  if (!first) throw new UsageError(`${name} asks for no run`);
  return first.config.data;
}

async function tellCheck(data: DataConfig, json: boolean | undefined): Promise<void> {
  const found = await checkDataSet(tools.node, trainer, data);
  if (json) {
    print.json({ version: 1, ...found, ...(data.root === undefined ? {} : { root: data.root }) });
  } else {
    const rows = found.files.map(({ status, file, message }) => [status, file, message]);
    if (rows.length > 0) print.line(table(['', 'file', 'content'], rows));
    if (found.ok) print.line(found.message);
    else print.error(found.message);
  }
  if (!found.ok) process.exitCode = exitCodes.failed;
}

async function download(name: string, { root, json }: CommonOptions & { root?: string }): Promise<void> {
  const files = sourcesOf(name);
  const folder = resolve(root ?? join('data', name));
  const data = await dataOf(name, [`data.root=${folder}`]);
  const isThere = (await checkDataSet(tools.node, trainer, data)).ok;
  if (!isThere && !(await downloadWithBar(files, folder))) {
    print.note('Cancelled. The same command goes on from here.');
    process.exitCode = exitCodes.stopped;
    return;
  }
  print.note(`${isThere ? 'It is there already' : 'Downloaded'}: set data.root to ${folder}.`);
  await tellCheck(data, json);
}

function sourcesOf(name: string): readonly RemoteFile[] {
  const found = Object.entries(dataSources).find(([known]) => known === name)?.[1];
  if (found) return found;
  const names = Object.keys(dataSources).join(', ');
  throw new UsageError(
    `${name} cannot be downloaded: it is no data set, comes with SAT Lab, or is your own. There are ${names}.`,
  );
}

/** @returns false when it was cancelled */
async function downloadWithBar(files: readonly RemoteFile[], root: string): Promise<boolean> {
  const abort = new AbortController();
  const cancel = () => abort.abort();
  process.on('SIGINT', cancel).on('SIGTERM', cancel);
  const bar = progressBar();
  try {
    await downloadFiles({ root, files, signal: abort.signal, onProgress: bar.update });
    return true;
  } catch (error) {
    if (abort.signal.aborted) return false;
    throw error;
  } finally {
    bar.stop();
    process.off('SIGINT', cancel).off('SIGTERM', cancel);
  }
}

/** A bar for each file on a terminal, else a line. */
function progressBar() {
  const bar = new SingleBar({
    format: '{file} {bar} {amount} {eta_formatted}',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  let current: string | undefined;
  return {
    update: ({ file, done, total }: DownloadProgress) => {
      const words = { file, amount: `${formatBytes(done)}${total > 0 ? ` of ${formatBytes(total)}` : ''}` };
      if (file !== current) {
        current = file;
        bar.stop();
        if (process.stderr.isTTY) bar.start(Math.max(total, 1), done, words);
        else print.note(`${file}${total > 0 ? `, ${formatBytes(total)}` : ''} …`);
      }
      bar.update(done, words);
    },
    stop: () => bar.stop(),
  };
}
