import {
  Chart,
  Filler,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  type ChartDataset,
  type Plugin,
} from 'chart.js';
import zoom from 'chartjs-plugin-zoom';
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { dashOf, formatValue, labelsOf, lineStyle, type Family } from './families';
import { commonLabel, meanOf, nearest, type XY } from './lines';
import type { Store } from './store';
import { methodColor, themeColor, withOpacity } from './theme';
import type { RunView } from '../src/protocol/panel';

/** A row of the table at the pointer. */
export interface HoverRow {
  label: string;
  value: number;
  color: string;
  run: string;
}

/** Where all charts of the panel look: one vertical line, one zoom. */
export interface View {
  hoverX: number | undefined;
  pinned: boolean;
  min: number | undefined;
  max: number | undefined;
}

interface Line extends ChartDataset<'line', XY[]> {
  /** Empty for a mean over several runs. */
  runKey: string;
  words: string;
  /** Bands are background: they are not listed at the pointer. */
  band: boolean;
}

/** The vertical line at the pointer, and the quiet mark where SAT begins. */
const marks: Plugin<'line'> = {
  id: 'marks',
  afterDatasetsDraw(chart) {
    const owner = owners.get(chart);
    if (!owner) return;
    const start = owner.startMark;
    if (start !== undefined) drawVertical(chart, start, '--vscode-descriptionForeground', 'SAT starts');
    const { hoverX } = owner.view;
    if (hoverX !== undefined) drawVertical(chart, hoverX, '--vscode-foreground');
  },
};

/** Of points that stand for themselves, in pixels. */
const markRadius = 2.5;

/** Of more points in a line the marks would hide it. */
const mostMarks = 12;

const owners = new WeakMap<Chart, SatChart>();

Chart.register(LineController, LineElement, PointElement, LinearScale, Filler, zoom, marks);

function drawVertical(chart: Chart, value: number, color: string, words?: string): void {
  const scale = chart.scales['x'];
  if (!scale || value < scale.min || value > scale.max) return;
  const { ctx, chartArea } = chart;
  const x = scale.getPixelForValue(value);
  ctx.save();
  ctx.strokeStyle = withOpacity(themeColor(color), 0.6);
  ctx.setLineDash(words === undefined ? [] : [2, 4]);
  ctx.beginPath();
  ctx.moveTo(x, chartArea.top);
  ctx.lineTo(x, chartArea.bottom);
  ctx.stroke();
  if (words !== undefined) {
    ctx.fillStyle = themeColor(color);
    ctx.font = `11px ${themeColor('--vscode-font-family')}`;
    const { width } = ctx.measureText(words);
    const left = x + 4 + width > chartArea.right ? x - 4 - width : x + 4;
    ctx.fillText(words, left, chartArea.bottom - 6);
  }
  ctx.restore();
}

/** One chart: the lines of one family of metrics for all shown runs. */
@customElement('sat-chart')
export class SatChart extends LitElement {
  @property({ attribute: false }) store!: Store;
  @property({ attribute: false }) family!: Family;
  @property({ attribute: false }) metrics: readonly string[] = [];
  @property({ attribute: false }) view!: View;
  /** Counts changes of the store, which is changed in place. */
  @property({ attribute: false }) version = 0;
  @query('canvas') private readonly canvas!: HTMLCanvasElement;
  private chart: Chart<'line', XY[]> | undefined;
  private lowest = Infinity;
  private highest = -Infinity;
  private selection = '';
  private pressedAt = 0;

  /** Light DOM: the page's one style sheet and the icon font reach it. */
  protected override createRenderRoot(): this {
    return this;
  }

  /** x of the first epoch in which the targets of the shown SAT runs move, if they agree on it. */
  get startMark(): number | undefined {
    if (!this.store.inEpochs || this.family.against !== undefined) return undefined;
    const starts = new Set(this.store.shown.map(({ startEpoch }) => startEpoch).filter((start) => start !== undefined));
    return starts.size === 1 ? [...starts][0] : undefined;
  }

  /** What x is: "epoch". */
  get xName(): string {
    return this.family.against ?? (this.store.inEpochs ? 'epoch' : 'step');
  }

  /** An x in words; ε is small, epochs are not. */
  xWords(x: number): string {
    return this.family.against === undefined ? String(Number(x.toFixed(1))) : String(Number(x.toPrecision(3)));
  }

  /** What stands at an x, largest first. */
  rowsAt(x: number): HoverRow[] {
    const lines = (this.chart?.data.datasets ?? []) as Line[];
    return lines
      .filter(({ band }) => !band)
      .flatMap(({ data, words, borderColor, runKey }) => {
        const point = nearest(data, x);
        return point
          ? [{ label: words, value: point.y, color: typeof borderColor === 'string' ? borderColor : '', run: runKey }]
          : [];
      })
      .sort((a, b) => b.value - a.value);
  }

  protected override render(): TemplateResult {
    const { title } = this.family;
    const { common } = labelsOf(this.metrics);
    const subtitle = common === '' ? this.family.subtitle : `${this.family.subtitle}; ${common}`;
    return html`<figure class="chart">
      <figcaption>
        <span class="chart-title">${title}</span><span class="chart-subtitle">${subtitle}</span>${this.legend()}
      </figcaption>
      <div class="canvas-holder">
        <canvas
          tabindex="0"
          role="img"
          aria-label="${title} ${subtitle}. Arrow keys move along the curve."
          @mousemove=${this.onMove}
          @mouseleave=${() => this.tell('hover', undefined)}
          @mousedown=${(event: MouseEvent) => (this.pressedAt = event.offsetX)}
          @click=${this.onClick}
          @dblclick=${() => this.tell('zoom', undefined)}
          @keydown=${this.onKey}
        ></canvas>
      </div>
    </figure>`;
  }

  /** Which line style is which metric, where a chart has several. */
  private legend(): TemplateResult | typeof nothing {
    // One attack is named too: what robust means depends on it.
    if (this.metrics.length < 2 && !this.family.marked) return nothing;
    const { labels } = labelsOf(this.metrics);
    const entries = this.metrics.map(
      (metric) => html`<span class=${lineStyle(metric, this.metrics)}>${labels.get(metric)}</span>`,
    );
    return html`<div class="legend">${entries}</div>`;
  }

  private createChart(): void {
    const text = () => themeColor('--vscode-descriptionForeground');
    const grid = () => withOpacity(themeColor('--vscode-foreground'), 0.12);
    const font = { family: themeColor('--vscode-font-family'), size: 11 };
    const { percent } = this.family;
    this.chart = new Chart(this.canvas, {
      type: 'line',
      data: { datasets: [] },
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        parsing: false,
        normalized: true,
        events: [],
        elements: { point: { radius: 0 }, line: { borderWidth: 1.5 } },
        scales: {
          x: {
            type: 'linear',
            title: { display: true, text: 'epoch', color: text(), font },
            ticks: { color: text, font, maxTicksLimit: 8, maxRotation: 0, includeBounds: false },
            grid: { color: grid },
            border: { display: false },
          },
          y: {
            type: 'linear',
            title: { display: true, text: this.family.axis, color: text(), font },
            ticks: {
              color: text,
              font,
              maxTicksLimit: 6,
              callback: (value) =>
                percent
                  ? `${Number((Number(value) * 100).toFixed(1))} %`
                  : Number(Number(value).toPrecision(6)).toString(),
            },
            grid: { color: grid },
            border: { display: false },
          },
        },
        plugins: {
          zoom: {
            zoom: {
              drag: { enabled: true, threshold: 8, backgroundColor: 'rgba(128, 128, 128, 0.25)' },
              mode: 'x',
              onZoomComplete: ({ chart }) => {
                const scale = chart.scales['x'];
                if (scale) this.tell('zoom', { min: scale.min, max: scale.max });
              },
            },
          },
        },
      },
    });
    owners.set(this.chart, this);
    this.draw();
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (!this.chart) this.createChart();
    // A moving pointer needs the line drawn anew, not the data.
    if (changed.has('version') || changed.has('metrics')) this.draw();
    else this.chart?.draw();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.chart?.destroy();
    this.chart = undefined;
  }

  /** Takes the data and the zoom from the store and the view, and draws at once. */
  draw(): void {
    const { chart } = this;
    if (!chart) return;
    const lines = this.metrics.flatMap((metric) => this.linesOf(metric));
    chart.data.datasets = lines;
    const [x, y] = [chart.options.scales?.['x'], chart.options.scales?.['y']];
    const label = { text: this.xName, color: themeColor('--vscode-descriptionForeground') };
    if (x && 'title' in x) Object.assign(x.title ?? {}, label);
    if (y && 'title' in y) Object.assign(y.title ?? {}, { color: label.color });
    const { min, max } = this.view;
    // The axis ends where the longest run will, so that nothing moves while it trains.
    if (x)
      Object.assign(x, {
        min: min ?? 0,
        max: max ?? (this.family.against === undefined ? this.store.longest : undefined),
      });
    this.keepRange(lines);
    if (y) Object.assign(y, this.yRange());
    chart.update('none');
    this.describe(lines);
  }

  /** The y range grows but does not shrink while one is looking at the same runs. */
  private keepRange(lines: readonly Line[]): void {
    const selection = this.store.selected.join('\n');
    if (selection !== this.selection) [this.lowest, this.highest, this.selection] = [Infinity, -Infinity, selection];
    for (const { data } of lines) {
      for (const { y } of data) {
        if (!Number.isFinite(y)) continue;
        // The spread around a share may reach beyond what a share can be.
        const shown = this.family.percent ? Math.min(1, Math.max(0, y)) : y;
        this.lowest = Math.min(this.lowest, shown);
        this.highest = Math.max(this.highest, shown);
      }
    }
    if (this.lowest === Infinity) [this.lowest, this.highest] = [0, 1];
  }

  private yRange() {
    const range = { suggestedMin: this.lowest, suggestedMax: this.highest };
    if (!this.family.percent) return range;
    return { ...range, ...(this.lowest <= 0 ? { min: 0 } : {}), ...(this.highest >= 1 ? { max: 1 } : {}) };
  }

  private linesOf(metric: string): Line[] {
    const { shown } = this.store;
    const { labels } = labelsOf(this.metrics);
    const methods = [...new Set(this.store.runs.map(({ method }) => method))];
    const variants = new Map<string, RunView[]>();
    for (const run of shown) variants.set(run.variant, [...(variants.get(run.variant) ?? []), run]);
    return [...variants.values()].flatMap((runs) => {
      const [first] = runs;
      if (!first) return [];
      const siblings = this.store.variantsOf(first.method);
      const color = methodColor(first.method, methods, siblings.indexOf(first.variant));
      const traces = runs
        .map((run) => ({ run: run.key, label: run.short, points: this.store.trace(run, metric) }))
        .filter(({ points }) => points.length > 0);
      const mean = meanOf(traces);
      const common = siblings.length > 1 ? commonLabel(traces.map(({ label }) => label)) : '';
      const manyMetrics = this.metrics.length > 1;
      const words = (label: string) => (manyMetrics ? `${label}, ${labels.get(metric) ?? metric}` : label);
      const base = {
        borderDash: dashOf(metric, this.metrics),
        borderColor: color,
        backgroundColor: color,
        band: false,
        clip: this.family.marked ? 2 * markRadius : undefined,
      };
      const marksOf = (points: readonly XY[]) =>
        this.family.marked && points.length <= mostMarks ? { pointRadius: markRadius } : {};
      const single = traces.map(({ run, label, points }) => ({
        ...base,
        ...marksOf(points),
        data: points,
        runKey: run,
        words: words(label),
        ...(mean ? { borderColor: withOpacity(color, 0.35), borderWidth: 1 } : {}),
      }));
      if (!mean) return single;
      const band = {
        ...base,
        borderWidth: 0,
        band: true,
        runKey: '',
        words: '',
        backgroundColor: withOpacity(color, 0.15),
      };
      return [
        {
          ...base,
          ...marksOf(mean.mean),
          data: mean.mean,
          borderWidth: 2.5,
          runKey: '',
          words: words(`${common || first.method}, mean of ${traces.length}`),
        },
        ...single,
        { ...band, data: mean.upper, fill: '+1' },
        { ...band, data: mean.lower },
      ];
    });
  }

  /** What is drawn, readable from outside: for tests and for measuring how long a point takes. */
  private describe(lines: readonly Line[]): void {
    const single = lines.filter(({ band }) => !band);
    this.canvas.dataset['points'] = String(single.reduce((sum, { data }) => sum + data.length, 0));
    this.canvas.dataset['lines'] = String(single.length);
    this.canvas.dataset['lastX'] = String(Math.max(...single.map(({ data }) => data.at(-1)?.x ?? 0)));
    this.canvas.dataset['drawnAt'] = String(Date.now());
  }

  private readonly onMove = (event: MouseEvent): void => {
    const scale = this.chart?.scales['x'];
    const x = scale?.getValueForPixel(event.offsetX);
    if (!scale || x === undefined) return;
    const within = Math.min(scale.max, Math.max(scale.min, x));
    this.tell('hover', { x: this.family.marked ? this.markedX(within) : within, at: event });
  };

  /** Between points that stand for themselves there is nothing to read: the nearest one's x. */
  private markedX(x: number): number {
    const lines = (this.chart?.data.datasets ?? []) as Line[];
    const points = lines.flatMap(({ data }) => nearest(data, x) ?? []);
    return points.sort((a, b) => Math.abs(a.x - x) - Math.abs(b.x - x))[0]?.x ?? x;
  }

  /** A click pins the line; the end of a drag, which zooms, is a click too. */
  private readonly onClick = (event: MouseEvent): void => {
    if (Math.abs(event.offsetX - this.pressedAt) < 5) this.tell('pin', undefined);
  };

  /** Arrow keys move from point to point; what stands there is read aloud by the panel. */
  private readonly onKey = (event: KeyboardEvent): void => {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const points = ((this.chart?.data.datasets ?? []) as Line[]).find(({ band }) => !band)?.data;
    if (direction === undefined || !points || points.length === 0) return;
    event.preventDefault();
    const { hoverX } = this.view;
    const here = hoverX === undefined ? -1 : points.findIndex((point) => point === nearest(points, hoverX));
    const next = points[Math.min(points.length - 1, Math.max(0, here + direction))];
    if (!next) return;
    this.tell('hover', { x: next.x });
    const rows = this.rowsAt(next.x).map(({ label, value }) => `${label} ${formatValue(value, this.family.percent)}`);
    this.tell('say', `${this.xName} ${this.xWords(next.x)}: ${rows.join(', ')}`);
  };

  private tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(`chart-${name}`, { detail, bubbles: true }));
  }
}
