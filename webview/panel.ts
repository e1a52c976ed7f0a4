import './panel.css';
import './chart';
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { Channel } from '../src/protocol/channel';
import { messageOf } from '../src/protocol/errors';
import {
  panelStateSchema,
  toWebviewSchema,
  type RunView,
  type ToHost,
  type ToWebview,
  type panelActions,
} from '../src/protocol/panel';
import type { SatChart, View } from './chart';
import { familyOf, familyOrder, formatValue, type Family } from './families';
import { Store } from './store';
import { methodColor, onThemeChange } from './theme';
import { registerToolkit } from './toolkit';
import { vscode } from './host';

registerToolkit();

const statusIcons: Record<RunView['status'], string> = {
  queued: 'clock',
  running: 'sync',
  completed: 'pass',
  failed: 'error',
  stopped: 'circle-slash',
  lost: 'debug-disconnect',
};

/** The whole panel: which runs, and their charts. */
@customElement('sat-panel')
export class SatPanel extends LitElement {
  @state() private version = 0;
  @state() private filter = '';
  @state() private error = '';
  @state() private spoken = '';
  @state() private showKeys = false;
  /** Charts over the same x look at the same place. */
  @state() private views: ReadonlyMap<string, View> = new Map();
  private hovered: SatChart | undefined;
  private pointer: { x: number; y: number } | undefined;
  private readonly store = new Store();
  private readonly channel = new Channel<ToWebview, ToHost>({
    post: (envelope) => vscode.postMessage(envelope),
    incoming: toWebviewSchema,
    handle: (message) => this.receive(message),
    onError: (message) => (this.error = message),
  });

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener('message', ({ data }: MessageEvent<unknown>) => void this.channel.receive(data));
    window.addEventListener('keydown', (event) => this.onKey(event));
    onThemeChange(() => this.redraw());
    const restored = panelStateSchema.safeParse(vscode.getState());
    // Asking comes before the first message: a page that has been reloaded knows nothing.
    void this.ask({ type: 'ready' }).then(() => {
      if (restored.success && restored.data.selected.length > 0 && this.store.selected.length === 0) {
        void this.ask({ type: 'select', runs: restored.data.selected });
      }
    });
  }

  /** Once a frame at most: points come in one message for each run and metric. */
  protected override async scheduleUpdate(): Promise<void> {
    await new Promise(requestAnimationFrame);
    await super.scheduleUpdate();
  }

  private receive(message: ToWebview): void {
    this.store.apply(message);
    // While the host still reads, it knows of no selection that would be worth remembering.
    if (message.type === 'runs' && !message.reading) vscode.setState({ selected: this.store.selected });
    this.version += 1;
  }

  private redraw(): void {
    for (const chart of this.querySelectorAll<SatChart>('sat-chart')) chart.draw();
    this.requestUpdate();
  }

  private async ask(message: ToHost): Promise<void> {
    try {
      await this.channel.request(message);
      this.error = '';
    } catch (error) {
      this.error = messageOf(error);
    }
  }

  protected override render(): TemplateResult {
    return html`
      <header>
        <h1>${this.heading()} <span class="quiet">${this.runtimes()}</span></h1>
        <vscode-text-field
          class="filter"
          placeholder="Filter runs"
          aria-label="Filter runs"
          .value=${this.filter}
          @input=${(event: Event) => (this.filter = (event.target as HTMLInputElement).value)}
        ></vscode-text-field>
      </header>
      ${this.error === '' ? nothing : html`<p class="error" role="alert">${this.error}</p>`}
      ${this.showKeys ? keysHelp : nothing}
      <main>
        ${this.runList()}
        <section
          class="charts"
          aria-label="Charts"
          @chart-hover=${this.onHover}
          @chart-pin=${this.onPin}
          @chart-zoom=${this.onZoom}
          @chart-say=${(event: CustomEvent<string>) => (this.spoken = event.detail)}
        >
          ${this.charts()}
        </section>
      </main>
      ${this.hoverTable()}
      <div class="spoken" aria-live="polite">${this.spoken}</div>
    `;
  }

  /** The selection in words: "SAT and ERM, 4 runs". */
  private heading(): string {
    const { shown, runs } = this.store;
    const [only] = shown;
    if (shown.length === 0) return runs.length === 0 ? 'SAT Lab' : 'No run selected';
    if (shown.length === 1 && only) return only.name;
    const methods = [...new Set(shown.map(({ method }) => method))].sort();
    return `${methods.join(' and ')}, ${shown.length} runs`;
  }

  /** What has computed the runs that are shown. */
  private runtimes(): string {
    return [...new Set(this.store.shown.map(({ runtime }) => runtime).filter((runtime) => runtime !== ''))].join(' · ');
  }

  private runList(): TemplateResult {
    const words = this.filter.toLowerCase();
    const found = this.store.runs.filter(({ label, group, name, status }) =>
      `${group} ${label} ${name} ${status}`.toLowerCase().includes(words),
    );
    const groups = [...new Set(found.map(({ group }) => group))];
    return html`<nav class="runs" aria-label="Runs" tabindex="0">
      ${found.length === 0 && this.filter !== '' ? html`<p class="quiet">No run matches “${this.filter}”.</p>` : nothing}
      ${groups.map(
        (group) =>
          html`<h2>${group}</h2>
            ${repeat(
              found.filter((run) => run.group === group),
              ({ key }) => key,
              (run) => this.runRow(run),
            )}`,
      )}
    </nav>`;
  }

  private runRow(run: RunView): TemplateResult {
    const selected = this.store.selected.includes(run.key);
    const methods = [...new Set(this.store.runs.map(({ method }) => method))];
    // A run that is not shown has its method's own colour.
    const variant = selected ? this.store.variantsOf(run.method).indexOf(run.variant) : 0;
    const hoverX = this.hovered && this.viewOf(this.hovered.family).hoverX;
    const lit = hoverX !== undefined && this.hovered?.rowsAt(hoverX).some((row) => row.run === run.key);
    return html`<div class="run ${lit ? 'lit' : ''}" data-status=${run.status}>
      <vscode-checkbox
        aria-label="Show ${run.name} ${run.label}"
        .checked=${selected}
        @click=${(event: Event) => this.toggle(event, run, selected)}
      ></vscode-checkbox>
      <span class="swatch" .style=${`background: ${methodColor(run.method, methods, variant)}`}></span>
      <span class="run-text" title=${[run.name, run.runtime].filter((part) => part !== '').join(', ')}>
        <span class="run-label">${run.label}</span>
        <span class="run-state"
          ><span class="codicon codicon-${statusIcons[run.status]} status-${run.status}" aria-hidden="true"></span>
          ${run.headline} ${run.state}</span
        >
      </span>
      ${this.runAction(run)}
    </div>`;
  }

  private runAction(run: RunView): TemplateResult | typeof nothing {
    const actions: Partial<Record<RunView['status'], [(typeof panelActions)[number], string, string]>> = {
      running: ['stop', 'debug-stop', 'Stop'],
      stopped: ['resume', 'debug-continue', 'Resume'],
      lost: ['resume', 'debug-continue', 'Resume'],
      failed: ['log', 'output', 'Show Log'],
    };
    const action = actions[run.status];
    if (!action) return nothing;
    const [name, icon, title] = action;
    return html`<vscode-button
      appearance="icon"
      aria-label="${title} ${run.label}"
      title=${title}
      @click=${() => void this.ask({ type: 'action', action: name, run: run.key })}
      ><span class="codicon codicon-${icon}"></span
    ></vscode-button>`;
  }

  private toggle(event: Event, run: RunView, selected: boolean): void {
    // The host decides what is selected; the box follows its answer.
    event.preventDefault();
    const others = this.store.selected.filter((key) => key !== run.key);
    void this.ask({ type: 'select', runs: selected ? others : [...others, run.key] });
  }

  private charts(): TemplateResult {
    const { runs, selected, metrics, reading } = this.store;
    if (reading === undefined || (reading && runs.length === 0)) return html`<p class="state">Reading the runs…</p>`;
    if (runs.length === 0) {
      return html`<div class="state">
        <p>There are no runs yet.</p>
        <vscode-button @click=${() => void this.ask({ type: 'action', action: 'start' })}>Start Run</vscode-button>
      </div>`;
    }
    if (selected.length === 0) return html`<p class="state">Tick the runs to look at.</p>`;
    if (metrics.length === 0)
      return html`<p class="state">No points yet: the first ones come within seconds of the start.</p>`;
    const families = new Map<string, { family: Family; metrics: string[] }>();
    for (const metric of metrics) {
      const family = familyOf(metric);
      const entry = families.get(family.key) ?? { family, metrics: [] };
      entry.metrics.push(metric);
      families.set(family.key, entry);
    }
    return html`${repeat(
      [...families.values()].sort((a, b) => familyOrder(a.family, b.family)),
      ({ family }) => family.key,
      ({ family, metrics: shown }) =>
        html`<sat-chart
          data-family=${family.key}
          .store=${this.store}
          .family=${family}
          .metrics=${shown}
          .view=${this.viewOf(family)}
          .version=${this.version}
        ></sat-chart>`,
    )}`;
  }

  private hoverTable(): TemplateResult | typeof nothing {
    if (!this.hovered || !this.pointer) return nothing;
    const { hoverX } = this.viewOf(this.hovered.family);
    if (hoverX === undefined) return nothing;
    const { percent } = this.hovered.family;
    const rows = this.hovered.rowsAt(hoverX);
    if (rows.length === 0) return nothing;
    const left = Math.min(this.pointer.x + 16, window.innerWidth - 260);
    return html`<aside
      class="hover"
      aria-label="Values at the pointer"
      .style=${`left: ${Math.max(0, left)}px; top: ${this.pointer.y + 16}px`}
    >
      <div class="quiet">${this.hovered.xName} ${this.hovered.xWords(hoverX)}</div>
      <table>
        ${rows.slice(0, 14).map(
          ({ label, value, color }) =>
            html`<tr>
              <td><span class="swatch" .style=${`background: ${color}`}></span></td>
              <td>${label}</td>
              <td class="number">${formatValue(value, percent)}</td>
            </tr>`,
        )}
      </table>
    </aside>`;
  }

  private readonly onHover = (event: CustomEvent<{ x: number; at?: MouseEvent } | undefined>): void => {
    const chart = event.target as SatChart;
    if (this.viewOf(chart.family).pinned) return;
    this.hovered = chart;
    const { detail } = event;
    this.pointer = detail?.at ? { x: detail.at.clientX, y: detail.at.clientY } : undefined;
    this.setView(chart.family, { hoverX: detail?.x });
  };

  private readonly onPin = (event: Event): void => {
    const { family } = event.target as SatChart;
    this.setView(family, { pinned: !this.viewOf(family).pinned });
  };

  private readonly onZoom = (event: CustomEvent<{ min: number; max: number } | undefined>): void => {
    const { family } = event.target as SatChart;
    this.setView(family, { pinned: false, min: event.detail?.min, max: event.detail?.max });
    this.version += 1;
  };

  private viewOf({ against = '' }: Family): View {
    return this.views.get(against) ?? everything;
  }

  private setView(family: Family, change: Partial<View>): void {
    const view = { ...this.viewOf(family), ...change };
    this.views = new Map(this.views).set(family.against ?? '', view);
  }

  private onKey(event: KeyboardEvent): void {
    const typing = event.target instanceof HTMLElement && event.target.closest('vscode-text-field') !== null;
    if (typing) return;
    if (event.key === '/') {
      event.preventDefault();
      this.querySelector<HTMLElement>('.filter')?.focus();
    } else if (event.key === '?') {
      this.showKeys = !this.showKeys;
    } else if (event.key === 'Escape') {
      this.showKeys = false;
      for (const [against, view] of this.views) {
        this.views = new Map(this.views).set(against, { ...view, pinned: false, hoverX: undefined });
      }
    }
  }
}

/** No pointer, no zoom. */
const everything: View = { hoverX: undefined, pinned: false, min: undefined, max: undefined };

const keysHelp = html`<dl class="keys">
  <dt><kbd>/</kbd></dt>
  <dd>filter the runs</dd>
  <dt><kbd>←</kbd> <kbd>→</kbd></dt>
  <dd>on a chart: move along the curve; the values are read aloud</dd>
  <dt>click</dt>
  <dd>pin the line at the pointer; again to let it go</dd>
  <dt>drag, double click</dt>
  <dd>zoom all charts, and back</dd>
  <dt><kbd>?</kbd></dt>
  <dd>this list</dd>
</dl>`;
