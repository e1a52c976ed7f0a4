import type { RunView, ToWebview } from '../src/protocol/panel';
import { familyOf } from './families';
import type { XY } from './lines';

interface Points {
  steps: number[];
  values: number[];
}

/** What the host has sent: runs, which are shown, and their points. */
export class Store {
  runs: RunView[] = [];
  selected: string[] = [];
  /** Undefined before the first message. */
  reading: boolean | undefined;
  private readonly points = new Map<string, Map<string, Points>>();

  apply(message: ToWebview): void {
    switch (message.type) {
      case 'runs':
        this.runs = message.runs;
        this.selected = message.selected;
        this.reading = message.reading;
        for (const run of this.points.keys()) if (!this.selected.includes(run)) this.points.delete(run);
        return;
      case 'run':
        this.runs = this.runs.map((run) => (run.key === message.run.key ? message.run : run));
        return;
      case 'points': {
        const metrics = this.points.get(message.run) ?? new Map<string, Points>();
        this.points.set(message.run, metrics);
        const points = metrics.get(message.metric) ?? { steps: [], values: [] };
        metrics.set(message.metric, points);
        points.steps.splice(message.from, Infinity, ...message.steps);
        points.values.splice(message.from, Infinity, ...message.values);
        // What was deleted leaves no empty chart.
        if (points.steps.length === 0) metrics.delete(message.metric);
      }
    }
  }

  /** Shown runs, in the order of selection. */
  get shown(): RunView[] {
    return this.selected
      .map((key) => this.runs.find((run) => run.key === key))
      .filter((run): run is RunView => run !== undefined);
  }

  /** What differs in more than seeds among the shown runs of a method, in the order of selection. */
  variantsOf(method: string): string[] {
    return [...new Set(this.shown.filter((run) => run.method === method).map(({ variant }) => variant))];
  }

  /** All metrics of the shown runs. */
  get metrics(): string[] {
    return [...new Set(this.selected.flatMap((key) => [...(this.points.get(key)?.keys() ?? [])]))].sort();
  }

  /** Shown runs that have points. One that has not begun, or failed before it did, has no say in how x is scaled. */
  private get drawn(): RunView[] {
    return this.shown.filter(({ key }) => (this.points.get(key)?.size ?? 0) > 0);
  }

  /** Whether all drawn runs tell how many steps an epoch has, so that x can be in epochs. */
  get inEpochs(): boolean {
    return this.drawn.every(({ epochs, steps }) => epochs !== undefined && steps !== undefined);
  }

  /** Where the longest drawn run ends, on the x axis; undefined when that is not known. */
  get longest(): number | undefined {
    const { inEpochs } = this;
    const ends = this.drawn.map(({ epochs, steps }) => (inEpochs ? epochs : steps));
    const known = ends.filter((end) => end !== undefined);
    return known.length > 0 ? Math.max(...known) : undefined;
  }

  /** A run's points of a metric, in the order of x. */
  trace({ key, epochs, steps }: RunView, metric: string): XY[] {
    const points = this.points.get(key)?.get(metric);
    if (!points) return [];
    // Over ε or the attack's steps there is nothing to scale.
    if (familyOf(metric).against !== undefined) {
      return points.steps.map((x, i) => ({ x, y: points.values[i] ?? NaN }));
    }
    const scale = this.inEpochs && epochs !== undefined && steps !== undefined ? epochs / steps : 1;
    return points.steps.map((step, i) => ({ x: step * scale, y: points.values[i] ?? NaN }));
  }
}
