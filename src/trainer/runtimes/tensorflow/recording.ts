import { dataTypes, shapeOf, type Attribute, type GraphNode } from './graphDef';
import type { Listener, MomentumUpdate, ObservedBinding, TensorKind, TFEOpAttr } from './binding';

/** Names in a graph: what a recording was given, and what it leaves behind. */
export interface Graph {
  nodes: GraphNode[];
  /** Where the inputs are fed, in the order in which they were declared. */
  inputs: string[];
  outputs: string[];
  variables: GraphVariable[];
}

export interface GraphVariable {
  /** Which of the variables that the recording began with. */
  index: number;
  handle: string;
  /** Where a value for it is fed, and what is fetched to have it set. */
  feed: string;
  pushed: string;
  /** Where its value is fetched. */
  value: string;
}

/**
 * Listens to the operations of one run, and makes a graph of them. What the run was given becomes a placeholder, a
 * variable's value a variable of the graph, any other tensor from outside a constant.
 */
export class Recording implements Listener {
  private readonly nodes: GraphNode[] = [];
  /** Which output of which node made a tensor. */
  private readonly sources = new Map<number, string>();
  private readonly inputs: string[] = [];
  private readonly declared = new Map<number, GraphVariable>();
  private readonly updates = new Map<number, MomentumUpdate>();
  private readonly starts: readonly TensorKind[];
  private wasRead = false;

  /** @param variables their native tensors before the run; the index is what a graph's variable is known by */
  constructor(
    private readonly binding: ObservedBinding,
    private readonly variables: readonly number[],
  ) {
    // The tensors may be gone when the recording ends.
    this.starts = variables.map((id) => this.kind(id));
  }

  /** Declares a tensor that is fed anew at each run. */
  input(id: number): void {
    const { shape, dtype } = this.kind(id);
    const name = `input_${this.inputs.length}`;
    const attr = { dtype: { type: dtype }, shape: { shape: shapeOf(shape) } };
    this.nodes.push({ name, op: 'Placeholder', input: [], attr });
    this.inputs.push(`${name}:0`);
    this.sources.set(id, `${name}:0`);
  }

  created(id: number): void {
    this.constant(id);
  }

  executed(op: string, attributes: readonly TFEOpAttr[], inputs: readonly number[], outputs: readonly number[]): void {
    const attr: GraphNode['attr'] = {};
    for (const [type, input] of Object.entries(inferredTypes[op] ?? {})) {
      attr[type] = { type: this.kind(inputs[input] ?? -1).dtype };
    }
    for (const attribute of attributes) attr[attribute.name] = this.attribute(attribute);
    const name = this.add(
      op,
      inputs.map((id) => this.source(id)),
      attr,
    );
    outputs.forEach((id, i) => this.sources.set(id, `${name}:${i}`));
  }

  updated(update: MomentumUpdate): void {
    this.updates.set(update.newWeight, update);
    this.updates.set(update.newBuffer, update);
  }

  read(): void {
    this.wasRead = true;
  }

  /**
   * Ends the recording.
   * @param outputs ids of the tensors to be fetched
   * @param after the variables' native tensors after the run
   * @throws Error when the operations cannot be said as a graph
   */
  finish(outputs: readonly number[], after: readonly number[]): Graph {
    if (this.wasRead) throw new Error('values were read in the middle of it, on which the rest may depend');
    const assigned = after.flatMap((now, index) =>
      now === this.variables[index] ? [] : this.assign(index, now, after),
    );
    const names = outputs.map((id, i) => {
      const name = `output_${i}`;
      const input = [this.source(id), ...assigned.map((assignment) => `^${assignment}`)];
      this.nodes.push({ name, op: 'Identity', input, attr: { T: { type: this.kind(id).dtype } } });
      return `${name}:0`;
    });
    return { nodes: this.nodes, inputs: this.inputs, outputs: names, variables: [...this.declared.values()] };
  }

  /** @returns names of the nodes that set a variable */
  private assign(index: number, now: number, after: readonly number[]): string[] {
    const { handle, value } = this.declare(index);
    // What reads the old value must come first, also where the new one does not depend on it.
    const afterReading = `^${nodeOf(value)}`;
    const update = this.updates.get(now);
    if (!update) {
      const attr = { dtype: { type: this.kind(now).dtype } };
      return [this.add('AssignVariableOp', [handle, this.source(now), afterReading], attr)];
    }
    // The update sets two variables; it is written down once, for the weight.
    if (now === update.newBuffer) return [];
    const bufferIndex = this.variables.indexOf(update.buffer);
    if (this.variables[index] !== update.weight || after[bufferIndex] !== update.newBuffer) {
      throw new Error('an update did not go to its own weight and buffer');
    }
    const buffer = this.declare(bufferIndex);
    const attr = { T: { type: dataTypes.float32 } };
    const decay = this.add('Mul', [value, this.scalar(update.weightDecay)], attr);
    const gradient = this.add('AddV2', [this.source(update.gradient), `${decay}:0`], attr);
    const inputs = [
      handle,
      buffer.handle,
      this.source(update.learningRate),
      `${gradient}:0`,
      this.scalar(update.momentum),
    ];
    return [this.add('ResourceApplyMomentum', [...inputs, afterReading, `^${nodeOf(buffer.value)}`], attr)];
  }

  private declare(index: number): GraphVariable {
    const known = this.declared.get(index);
    if (known) return known;
    const start = this.starts[index];
    if (!start) throw new Error(`there is no variable ${index}`);
    const { shape, dtype } = start;
    const name = `variable_${index}`;
    const handle = `${name}:0`;
    const type = { dtype: { type: dtype } };
    const shaped = { ...type, shape: { shape: shapeOf(shape) } };
    this.nodes.push(
      { name, op: 'VarHandleOp', input: [], attr: { ...shaped, shared_name: text(name) } },
      { name: `${name}/read`, op: 'ReadVariableOp', input: [handle], attr: type },
      { name: `${name}/feed`, op: 'Placeholder', input: [], attr: shaped },
      { name: `${name}/push`, op: 'AssignVariableOp', input: [handle, `${name}/feed:0`], attr: type },
    );
    const pushed = this.scalar(0, `^${name}/push`);
    const variable = { index, handle, feed: `${name}/feed:0`, pushed, value: `${name}/read:0` };
    this.declared.set(index, variable);
    this.sources.set(this.variables[index] ?? -1, variable.value);
    return variable;
  }

  private source(id: number): string {
    const known = this.sources.get(id);
    if (known !== undefined) return known;
    if (this.updates.has(id)) throw new Error('an update’s result was used in the same run');
    const index = this.variables.indexOf(id);
    return index >= 0 ? this.declare(index).value : this.constant(id);
  }

  /** A tensor from outside, or one made of values in the run: the same at each run. */
  private constant(id: number): string {
    const { shape, dtype } = this.kind(id);
    const values = this.binding.native.tensorDataSync(id);
    const tensorContent = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
    const tensor = { dtype, tensorShape: shapeOf(shape), tensorContent };
    const name = this.add('Const', [], { dtype: { type: dtype }, value: { tensor } });
    this.sources.set(id, `${name}:0`);
    return `${name}:0`;
  }

  private scalar(value: number, ...after: string[]): string {
    const tensorContent = new Uint8Array(Float32Array.of(value).buffer);
    const tensor = { dtype: dataTypes.float32, tensorShape: shapeOf([]), tensorContent };
    return `${this.add('Const', after, { dtype: { type: dataTypes.float32 }, value: { tensor } })}:0`;
  }

  /** @returns the new node's name */
  private add(op: string, input: string[], attr: GraphNode['attr']): string {
    const name = `op_${this.nodes.length}`;
    this.nodes.push({ name, op, input, attr });
    return name;
  }

  private kind(id: number) {
    const kind = this.binding.kinds.get(id);
    if (!kind) throw new Error(`the binding has no tensor ${id}`);
    return kind;
  }

  private attribute({ name, type, value }: TFEOpAttr): Attribute {
    const { native } = this.binding;
    const list = Array.isArray(value);
    switch (type) {
      case native.TF_ATTR_STRING:
        return list ? { list: { s: value.map((s) => bytes(s as string)) } } : text(value as string);
      case native.TF_ATTR_INT:
        return list ? { list: { i: value } } : { i: Number(value) };
      case native.TF_ATTR_FLOAT:
        return list ? { list: { f: value } } : { f: Number(value) };
      case native.TF_ATTR_BOOL:
        return { b: Boolean(value) };
      case native.TF_ATTR_TYPE:
        return { type: Number(value) };
      case native.TF_ATTR_SHAPE:
        return { shape: shapeOf(value as number[]) };
      default:
        throw new Error(`the attribute ${name} has an unknown type ${type}`);
    }
  }
}

/** Types that eager execution infers where tfjs does not say them, by the input that they are the type of. */
const inferredTypes: Record<string, Record<string, number>> = { ExpandDims: { T: 0, Tdim: 1 } };

function nodeOf(output: string): string {
  return output.slice(0, output.indexOf(':'));
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(value: string): Attribute {
  return { s: bytes(value) };
}
