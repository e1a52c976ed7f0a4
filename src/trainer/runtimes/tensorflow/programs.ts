import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../problem';
import * as tf from '../../tf';
import {
  drawnTensor,
  eager,
  stepRandom,
  type Body,
  type Call,
  type Compile,
  type Draw,
  type Moment,
  type Program,
  type StepRandom,
} from '../program';
import type { NewerValues, TensorFlowBackend } from './backend';
import { encodeSavedModel } from './graphDef';
import { Recording, type Graph } from './recording';

/** A variable of a recording, and the native tensor whose values the graph's own variable has. */
interface Held {
  variable: tf.Variable;
  /** -1 before the first time; an assignment from outside gives the variable another tensor. */
  known: number;
  written: boolean;
}

/** One run of a body as a graph, for inputs of certain shapes. */
interface Recorded {
  bytes: Buffer;
  graph: Graph;
  draws: Draw[];
  held: Held[];
  outputNames: string[];
  /** Set where the body asked for the epoch: the recording then holds for this one only. */
  epoch: number | undefined;
  session: Session | typeof refused | undefined;
}

/**
 * Makes programs of bodies: the first call with inputs of some shapes runs operation by operation and is recorded, the
 * next ones run the recording as one TensorFlow graph with the variables inside it. What TensorFlow does not take as a
 * graph goes on operation by operation.
 */
export function graphCompiler(backend: TensorFlowBackend): Compile {
  return <I extends tf.NamedTensorMap, O extends tf.NamedTensorMap>(body: Body<I, O>): Program<I, O> => {
    const recordings = new Map<string, Recorded | typeof refused>();
    const plain = eager(body);
    return (inputs, call) => {
      const key = signature(inputs);
      const known = recordings.get(key);
      if (known === refused) return plain(inputs, call);
      if (known && (known.epoch === undefined || known.epoch === call.epoch)) {
        const session = (known.session ??= load(backend, known));
        if (session === refused) return plain(inputs, call);
        // A recording of this body has the body's outputs.
        return tf.tidy(() => replay(known, session, inputs, call)) as O;
      }
      const { outputs, recorded } = record(backend, body, inputs, call);
      // Another epoch often changes nothing.
      const session = known && inherited(known, recorded);
      if (recorded !== refused) recorded.session = session;
      recordings.set(key, recorded);
      return outputs;
    };
  };
}

/** Stands for a recording that TensorFlow does not take as a graph. It is slower so, and no more. */
const refused = Symbol('refused');

function refuse(error: unknown): typeof refused {
  console.error(`Goes on operation by operation, which is slower: ${messageOf(error)}`);
  return refused;
}

function load(backend: TensorFlowBackend, recorded: Recorded): Session | typeof refused {
  try {
    return new Session(backend, recorded);
  } catch (error) {
    return refuse(error);
  }
}

/** The session of an earlier recording of the same body, where the operations turned out to be the very same. */
function inherited(before: Recorded, now: Recorded | typeof refused): Session | undefined {
  if (!(before.session instanceof Session)) return undefined;
  const same =
    now !== refused &&
    before.bytes.equals(now.bytes) &&
    before.held.every(({ variable }, i) => now.held[i]?.variable === variable);
  if (same) return before.session;
  before.session.dispose();
  return undefined;
}

function signature(inputs: tf.NamedTensorMap): string {
  return Object.entries(inputs)
    .map(([name, { shape, dtype }]) => `${name}:${dtype}[${shape.join()}]`)
    .join(' ');
}

function record<I extends tf.NamedTensorMap, O extends tf.NamedTensorMap>(
  backend: TensorFlowBackend,
  body: (inputs: I, moment: Moment) => O,
  inputs: I,
  call: Call,
): { outputs: O; recorded: Recorded | typeof refused } {
  backend.newer?.bringBack();
  const variables = Object.values(tf.engine().registeredVariables);
  for (const variable of variables) unshare(backend, variable);
  const before = backend.ids(variables);
  const recording = new Recording(backend.observed, before);
  for (const id of backend.ids(Object.values(inputs))) recording.input(id);

  const draws: Draw[] = [];
  const random: StepRandom = stepRandom((draw) =>
    backend.unheard(() => {
      const tensor = drawnTensor(draw, call.random);
      for (const id of backend.ids([tensor])) recording.input(id);
      draws.push(draw);
      return tensor;
    }),
  );
  const asked = { epoch: false };
  const moment: Moment = {
    random,
    get epoch() {
      asked.epoch = true;
      return call.epoch;
    },
  };
  backend.observed.listener = recording;
  let outputs: O;
  try {
    outputs = tf.tidy(() => body(inputs, moment));
  } finally {
    backend.observed.listener = undefined;
  }
  try {
    const after = backend.ids(variables);
    const graph = recording.finish(backend.ids(Object.values(outputs)), after);
    const held = graph.variables.flatMap(({ index }): Held[] => {
      const variable = variables[index];
      return variable ? [{ variable, known: -1, written: after[index] !== before[index] }] : [];
    });
    const recorded = {
      bytes: Buffer.from(encodeSavedModel(graph.nodes)),
      graph,
      draws,
      held,
      outputNames: Object.keys(outputs),
      epoch: asked.epoch ? call.epoch : undefined,
      session: undefined,
    };
    return { outputs, recorded };
  } catch (error) {
    return { outputs, recorded: refuse(error) };
  }
}

/** Gives a variable a tensor of its own: a graph that changes the variable must not change what it was made from. */
function unshare(backend: TensorFlowBackend, variable: tf.Variable): void {
  if (backend.refCount(variable.dataId) > 1)
    tf.tidy(() => variable.assign(tf.add(variable, tf.zeros([], variable.dtype))));
}

function replay(
  { draws, outputNames }: Recorded,
  session: Session,
  inputs: tf.NamedTensorMap,
  { random }: Call,
): tf.NamedTensorMap {
  const drawn = draws.map((draw) => drawnTensor(draw, random));
  const outputs = session.run([...Object.values(inputs), ...drawn]);
  return Object.fromEntries(outputs.map((output, i) => [outputNames[i] ?? '', output]));
}

/** A recording loaded into TensorFlow. Its variables hold the newest values until somebody else asks for them. */
class Session implements NewerValues {
  private readonly model: number;
  private readonly held: Held[];
  private readonly graph: Graph;
  tensors: ReadonlySet<tf.DataId> = new Set();

  constructor(
    private readonly backend: TensorFlowBackend,
    { bytes, graph, held }: Recorded,
  ) {
    this.graph = graph;
    this.held = held;
    const folder = mkdtempSync(join(tmpdir(), 'sat-graph-'));
    try {
      writeFileSync(join(folder, 'saved_model.pb'), bytes);
      this.model = backend.observed.native.loadSavedModel(folder, 'serve');
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  run(inputs: readonly tf.Tensor[]): tf.Tensor[] {
    const { backend, graph } = this;
    if (backend.newer !== this) backend.newer?.bringBack();
    this.push();
    const results = this.fetch(graph.inputs, backend.ids(inputs), graph.outputs);
    const written = this.held.filter(({ written: w }) => w);
    this.tensors = new Set(written.map(({ variable }) => variable.dataId));
    if (written.length > 0) backend.newer = this;
    return results.map((metadata) => backend.tensor(metadata));
  }

  bringBack(): void {
    const { backend, graph } = this;
    if (backend.newer !== this) return;
    backend.newer = undefined;
    // A variable that was assigned from outside meanwhile has another tensor, which is newer still.
    const stale = this.held
      .map((held, i) => ({ held, value: graph.variables[i]?.value ?? '' }))
      .filter(({ held }) => held.written && !held.variable.isDisposed && this.tensors.has(held.variable.dataId));
    if (stale.length === 0) return;
    const values = this.fetch(
      [],
      [],
      stale.map(({ value }) => value),
    );
    stale.forEach(({ held }, i) => {
      const id = values[i]?.id ?? -1;
      backend.replace(held.variable.dataId, id);
      held.known = id;
    });
  }

  dispose(): void {
    this.bringBack();
    this.backend.observed.native.deleteSavedModel(this.model);
  }

  /** Gives the graph's variables the values that the program's have, where these were assigned since. */
  private push(): void {
    const { backend, graph } = this;
    const changed = this.held
      .map((held, i) => ({ held, names: graph.variables[i] }))
      .filter(({ held }) => {
        const current = backend.newer === this && this.tensors.has(held.variable.dataId);
        return !current && backend.idBehind(held.variable.dataId) !== held.known;
      });
    if (changed.length === 0) return;
    const ids = changed.map(({ held }) => backend.ids([held.variable])[0] ?? -1);
    const done = this.fetch(
      changed.map(({ names }) => names?.feed ?? ''),
      ids,
      changed.map(({ names }) => names?.pushed ?? ''),
    );
    for (const { id } of done) backend.observed.facade.deleteTensor(id);
    changed.forEach(({ held }, i) => (held.known = ids[i] ?? -1));
  }

  private fetch(feeds: readonly string[], ids: number[], fetches: readonly string[]) {
    return this.backend.observed.facade.runSavedModel(this.model, ids, feeds.join(), fetches.join());
  }
}
