import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatEvent, type RunEvent } from '../protocol/events';
import type { Run } from './run';
import { RunsWatcher } from './watch';

let runsFolder: string;
let watcher: RunsWatcher;
const told: Run[] = [];

beforeEach(async () => {
  runsFolder = mkdtempSync(join(tmpdir(), 'sat-watch-'));
  told.length = 0;
  watcher = new RunsWatcher({ onList: () => {}, onRun: (run) => told.push(run) });
  await watcher.setFolders([runsFolder]);
});
afterEach(() => {
  watcher.dispose();
  rmSync(runsFolder, { recursive: true });
});

const folderOf = (id: string) => join(runsFolder, id);
const emit = (id: string, event: RunEvent) => appendFileSync(join(folderOf(id), 'metrics.ndjson'), formatEvent(event));

/** As a run is made: aside, then renamed, which a file watcher hears several times. */
function make(id: string): void {
  const aside = join(runsFolder, `.new-${id}`);
  mkdirSync(aside);
  writeFileSync(
    join(aside, 'run.json'),
    JSON.stringify({ version: 1, id, created: new Date().toISOString(), config: {} }),
  );
  renameSync(aside, folderOf(id));
  emit(id, { event: 'start', time: 1 });
}

async function until(what: () => boolean): Promise<void> {
  for (const end = Date.now() + 5000; !what() && Date.now() < end;) await sleep(10);
  expect(what()).toBe(true);
}

describe('a run that is made while its folder is followed', () => {
  it('is the one that is told of, also when it goes on after its end', async () => {
    make('one');
    await Promise.all([watcher.scan(), watcher.scan(), watcher.scan()]);
    emit('one', { event: 'end', status: 'stopped' });
    await until(() => watcher.get(folderOf('one'))?.status === 'stopped');
    told.length = 0;
    emit('one', { event: 'metrics', step: 2, values: { loss: 1 } });
    await until(() => told.length > 0);
    const [shown] = watcher.all();
    expect(told.every((run) => run === shown)).toBe(true);
    expect(shown?.latest('loss')?.value).toBe(1);
  });

  it('is found once a look is over that was asked for during another', async () => {
    const first = watcher.scan();
    make('two');
    await watcher.scan();
    expect(watcher.get(folderOf('two'))).toBeDefined();
    await first;
  });
});
