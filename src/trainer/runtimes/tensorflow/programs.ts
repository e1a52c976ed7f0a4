import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../../protocol/errors';
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
  session: Session;
}

type Unloaded = Omit<Recorded, 'session'>;

/**
 * Makes programs of bodies: for inputs of shapes that are new, a call runs operation by operation and is recorded; then it
 * is undone and done again as one TensorFlow graph with the variables inside it, as all later calls are. So a number does
 * not hang on which call came first, and a resumed run is the same as one that was never stopped. What TensorFlow does
 * not take as a graph goes on operation by operation.
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
        // A recording of this body has the body's outputs.
        return tf.tidy(() =>
          replay(
            known,
            inputs,
            known.draws.map((draw) => drawnTensor(draw, call.random)),
          ),
        ) as O;
      }
      const attempt = record(backend, body, inputs, call, known);
      recordings.set(key, attempt.recorded);
      const { recorded } = attempt;
      if (recorded === refused) {
        attempt.end();
        return attempt.outputs;
      }
      try {
        attempt.undo();
        return tf.tidy(() => replay(recorded, inputs, attempt.drawn)) as O;
      } finally {
        attempt.end();
      }
    };
  };
}

/** Stands for a recording that TensorFlow does not take as a graph. It is slower so, and no more. */
const refused = Symbol('refused');

function refuse(error: unknown): typeof refused {
  console.error(`Goes on operation by operation, which is slower: ${messageOf(error)}`);
  return refused;
}

/** The session of an earlier recording of the same body, where the operations turned out to be the very same. */
function inherited(before: Recorded | undefined, now: Unloaded): Session | undefined {
  if (!before) return undefined;
  const same =
    before.bytes.equals(now.bytes) && before.held.every(({ variable }, i) => now.held[i]?.variable === variable);
  if (same) return before.session;
  before.session.dispose();
  return undefined;
}

function signature(inputs: tf.NamedTensorMap): string {
  return Object.entries(inputs)
    .map(([name, { shape, dtype }]) => `${name}:${dtype}[${shape.join()}]`)
    .join(' ');
}

/** A call that was run operation by operation and recorded. */
interface Attempt<O> {
  outputs: O;
  recorded: Recorded | typeof refused;
  /** The random numbers of this call. */
  drawn: tf.Tensor[];
  /** Takes the outputs and all assignments back. */
  undo: () => void;
  /** Lets go of what was kept for that. */
  end: () => void;
}

function record<I extends tf.NamedTensorMap, O extends tf.NamedTensorMap>(
  backend: TensorFlowBackend,
  body: Body<I, O>,
  inputs: I,
  call: Call,
  earlier: Recorded | undefined,
): Attempt<O> {
  backend.newer?.bringBack();
  const variables = Object.values(tf.engine().registeredVariables);
  for (const variable of variables) unshare(backend, variable);
  const before = backend.ids(variables);
  const values = variables.map((variable) => tf.keep(tf.clone(variable)));
  const recording = new Recording(backend.observed, before);
  for (const id of backend.ids(Object.values(inputs))) recording.input(id);

  const draws: Draw[] = [];
  const drawn: tf.Tensor[] = [];
  const random: StepRandom = stepRandom((draw) =>
    backend.unheard(() => {
      const tensor = tf.keep(drawnTensor(draw, call.random));
      for (const id of backend.ids([tensor])) recording.input(id);
      draws.push(draw);
      drawn.push(tensor);
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
  const end = () => tf.dispose([values, drawn]);
  let outputs: O;
  backend.observed.listener = recording;
  try {
    outputs = tf.tidy(() => body(inputs, moment));
  } catch (error) {
    end();
    throw error;
  } finally {
    backend.observed.listener = undefined;
  }
  const after = backend.ids(variables);
  const undo = () => {
    const given = new Set(Object.values(inputs));
    tf.dispose(Object.values(outputs).filter((output) => !given.has(output)));
    variables.forEach((variable, i) => {
      const value = values[i];
      if (value && after[i] !== before[i]) variable.assign(value);
    });
  };
  const recorded = finish();
  return { outputs, recorded, drawn, undo, end };

  function finish(): Recorded | typeof refused {
    try {
      const graph = recording.finish(backend.ids(Object.values(outputs)), after);
      const held = graph.variables.flatMap(({ index }): Held[] => {
        const variable = variables[index];
        return variable ? [{ variable, known: -1, written: after[index] !== before[index] }] : [];
      });
      const unloaded = {
        bytes: Buffer.from(encodeSavedModel(graph.nodes)),
        graph,
        draws,
        held,
        outputNames: Object.keys(outputs),
        epoch: asked.epoch ? call.epoch : undefined,
      };
      // Another epoch often changes nothing.
      return { ...unloaded, session: inherited(earlier, unloaded) ?? new Session(backend, unloaded) };
    } catch (error) {
      return refuse(error);
    }
  }
}

/** Gives a variable a tensor of its own: a graph that changes the variable must not change what it was made from. */
function unshare(backend: TensorFlowBackend, variable: tf.Variable): void {
  // Images, which are bytes behind, are never changed.
  if (variable.dtype === 'float32' && backend.refCount(variable.dataId) > 1)
    tf.tidy(() => variable.assign(tf.add(variable, 0)));
}

function replay({ outputNames, session }: Recorded, inputs: tf.NamedTensorMap, drawn: tf.Tensor[]): tf.NamedTensorMap {
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
    { bytes, graph, held }: Unloaded,
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
