import { createHash } from 'node:crypto';
import { recordedConfig } from '../lab/config';
import { layerAt, mergeConfig, type JsonObject } from '../lab/configMerge';
import { formatDuration, formatMetric } from '../lab/format';
import { distinguishingLabels, methodLabel } from '../lab/labels';
import type { Run } from '../lab/run';
import { seedPaths } from '../lab/sweepTable';
import type { RunView } from '../protocol/panel';
import { methodForModel } from '../protocol/widthAdjustment';

/** "epoch 3/40 · 2 min left", "failed: loss is NaN at step 812", "stopped at epoch 3/40", "" for completed. */
export function stateWords(run: Run): string {
  const { epoch, epochs, secondsLeft } = run.progress;
  const at = epochs === undefined ? '' : `epoch ${epoch}/${epochs}`;
  const note = run.statusNote ? `: ${run.statusNote}` : '';
  switch (run.status) {
    case 'running': {
      const left = secondsLeft === undefined ? '' : `${formatDuration(secondsLeft)} left`;
      return [at || 'starting', left].filter((part) => part !== '').join(' · ') + note;
    }
    case 'completed':
      return '';
    case 'stopped':
      return at === '' ? 'stopped' : `stopped at ${at}`;
    default:
      return `${run.status}${note}`;
  }
}

/** The headline metric's last value, "87.4 %"; empty before there is one. */
export function headlineWords(run: Run): string {
  const { headline } = run;
  const last = headline === undefined ? undefined : run.latest(headline);
  return headline !== undefined && last ? formatMetric(headline, last.value) : '';
}

/** "best 87.6 % @ 52"; empty when the last value is the best. */
export function bestWords(run: Run): string {
  const { headline } = run;
  if (headline === undefined) return '';
  const [best, last] = [run.best(headline), run.latest(headline)];
  if (!best || !last || best.value === last.value) return '';
  return `best ${formatMetric(headline, best.value)} @ ${Number.isNaN(best.epoch) ? `step ${best.step}` : best.epoch}`;
}

/** Runs that belong together: of one sweep, else of one configuration file, else of one day. */
export function groupOf(run: Run): { key: string; label: string } {
  const { record } = run;
  if (record?.group) {
    const { group, configFile, settings } = record;
    // The same file with other settings by hand is another sweep.
    const key = `group ${JSON.stringify([group, configFile, settings])}`;
    return { key, label: [group, ...settings].join(' · ') };
  }
  if (record?.configFile) {
    return { key: `file ${record.configFile}`, label: record.configFile.split(/[\\/]/).at(-1) ?? record.configFile };
  }
  const day = new Date(record?.created ?? NaN);
  const label = Number.isNaN(day.getTime()) ? 'other' : day.toLocaleDateString(undefined, { dateStyle: 'long' });
  return { key: `day ${label}`, label };
}

/** A label for each run that tells it from the others of its group. */
export function labelsByRun(runs: readonly Run[]): Map<Run, string> {
  const groups = new Map<string, Run[]>();
  for (const run of runs) groups.set(groupOf(run).key, [...(groups.get(groupOf(run).key) ?? []), run]);
  const labels = new Map<Run, string>();
  for (const members of groups.values()) {
    const texts = distinguishingLabels(members.map((run) => run.record?.config ?? {}));
    members.forEach((run, i) => {
      // A sweep knows all its cells from the start: its words do not change as runs are added.
      const ofSweep = run.record?.group ? run.name.split(`${run.record.group}: `)[1] : undefined;
      const text = ofSweep ?? (members.length === 1 ? '' : texts[i]);
      labels.set(run, run.problem && !run.record ? run.id : text || run.name);
    });
  }
  return labels;
}

/** How the panel calls a run: in the list of its group, and among the runs that are drawn. */
export interface RunLabels {
  inGroup: ReadonlyMap<Run, string>;
  amongShown: ReadonlyMap<Run, string>;
}

export function labelsFor(runs: readonly Run[], shown: readonly Run[]): RunLabels {
  const short = distinguishingLabels(shown.map((run) => run.record?.config ?? {}));
  return { inGroup: labelsByRun(runs), amongShown: new Map(shown.map((run, i) => [run, short[i] ?? run.name])) };
}

/** What the panel shows of a run. */
export function viewOf(run: Run, { inGroup, amongShown }: RunLabels): RunView {
  const config: JsonObject = run.record?.config ?? {};
  const parsed = run.record && recordedConfig(run.record);
  const method = parsed && methodForModel(parsed.method, parsed.model);
  const { epochs, steps } = run.progress;
  return {
    key: run.folder,
    label: inGroup.get(run) ?? run.name,
    short: amongShown.get(run) ?? run.name,
    name: run.name,
    group: groupOf(run).label,
    method: methodLabel(config) || 'other',
    variant: variantOf(config),
    status: run.status,
    state: stateWords(run),
    headline: headlineWords(run),
    runtime: run.runtime ?? '',
    ...(epochs === undefined ? {} : { epochs }),
    ...(steps === undefined ? {} : { steps }),
    ...(method && 'startEpoch' in method ? { startEpoch: method.startEpoch } : {}),
  };
}

function variantOf({ name: _name, notes: _notes, tags: _tags, ...config }: JsonObject): string {
  // A layer's null removes.
  const rest = [...seedPaths].reduce((what, path) => mergeConfig(what, layerAt(path, null)), config);
  return createHash('sha256').update(JSON.stringify(rest)).digest('hex').slice(0, 16);
}
