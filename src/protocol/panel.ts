import * as z from 'zod';
import { runStatuses } from './run';

/** What the panel shows of a run besides its points. */
const runViewSchema = z.object({
  /** The run's folder: unique over all runs folders. */
  key: z.string(),
  /** What distinguishes it from its siblings. */
  label: z.string(),
  /** What distinguishes it from the other runs that are shown: short enough for a line's end. */
  short: z.string(),
  name: z.string(),
  group: z.string(),
  /** The method's short name, which decides its colour. */
  method: z.string(),
  /** Runs that differ in nothing but their seed share this. */
  variant: z.string(),
  status: z.enum(runStatuses),
  /** State and progress in words: "epoch 3/40 · 2 min left", "failed: …". */
  state: z.string(),
  /** The headline metric in words: "87.4 %". Empty before there is one. */
  headline: z.string(),
  /** What computes it: "tensorflow, CPU:0". Empty before it has begun. */
  runtime: z.string(),
  epochs: z.number().optional(),
  steps: z.number().optional(),
  /** Epoch at which SAT begins to move the targets. */
  startEpoch: z.number().optional(),
});
export type RunView = z.output<typeof runViewSchema>;

const floats = z.custom<Float64Array>((value) => value instanceof Float64Array, 'expected packed numbers');

/**
 * Robust accuracies of different subsets, ε or options never share a curve: what they were measured with stands behind
 * this in their names, "test/robust_accuracy/pgd20 · L∞ ε 0.031, 1,000 images".
 */
export const aboutMark = ' · ';

/** From host to webview. The host owns the data; the webview only draws. */
export const toWebviewSchema = z.discriminatedUnion('type', [
  /** All runs, and which are shown. */
  z.object({
    type: z.literal('runs'),
    runs: z.array(runViewSchema),
    selected: z.array(z.string()),
    reading: z.boolean(),
  }),
  /** One run changed. */
  z.object({ type: z.literal('run'), run: runViewSchema }),
  /**
   * Points of one metric of one run, from index `from` on; what was there from that index on is replaced. Metrics that
   * begin with `robust_accuracy_against_` are over ε or the steps of an attack: these stand in the place of `steps`.
   */
  z.object({
    type: z.literal('points'),
    run: z.string(),
    metric: z.string(),
    from: z.int().min(0),
    steps: floats,
    values: floats,
  }),
]);
export type ToWebview = z.output<typeof toWebviewSchema>;

/** What a click in the panel can ask for. */
export const panelActions = ['start', 'stop', 'resume', 'log', 'reveal'] as const;

/** From webview to host. */
export const toHostSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('select'), runs: z.array(z.string()) }),
  z.object({ type: z.literal('action'), action: z.enum(panelActions), run: z.string().optional() }),
]);
export type ToHost = z.output<typeof toHostSchema>;

/** What the webview remembers over a reload. */
export const panelStateSchema = z.object({ selected: z.array(z.string()).catch([]) });
export type PanelState = z.output<typeof panelStateSchema>;
