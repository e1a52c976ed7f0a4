import { arrayOf, type NpyArray } from './npy';

/** What a pickle can hold here. Tuples and lists are both arrays; byte strings of Python 2 are latin-1 texts. */
export type Unpickled =
  null | boolean | number | string | Uint8Array | Unpickled[] | Map<Unpickled, Unpickled> | NpyArray;

/** A name of a Python module; what it names is known to {@link call} or refused, never run. */
class Global {
  constructor(readonly name: string) {}
}
/** `numpy.dtype` before and after its state is known. */
class DType {
  order = '=';
  constructor(readonly type: string) {}
}
/** A NumPy array, whose shape and values come after it is made. */
class ArrayInTheMaking {
  made: NpyArray | undefined;
}
const mark = Symbol('mark');

type Item =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Item[]
  | Map<Item, Item>
  | Global
  | DType
  | ArrayInTheMaking
  | typeof mark;

/**
 * Reads a Python pickle of protocol 2 to 4 that holds numbers, texts, lists, dictionaries and NumPy arrays of numbers.
 * Nothing in it is run: a pickle that asks for any other class or function is refused.
 * @param file its name, for messages
 * @throws Error that names the file and what in it is not read
 */
export function decodePickle(bytes: Uint8Array, file: string): Unpickled {
  if (bytes[0] !== 0x80) throw new Error(`${file} is not a Python pickle of protocol 2 or later.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: Item[] = [];
  const memo: Item[] = [];
  let at = 0;

  const take = (size: number): Uint8Array => {
    if (!(size >= 0 && at + size <= bytes.length)) throw new Error(`${file} is cut short at byte ${bytes.length}.`);
    at += size;
    return bytes.subarray(at - size, at);
  };
  /** An unsigned integer, the smaller end first. */
  const natural = (size: number): number => take(size).reduceRight((value, byte) => value * 256 + byte, 0);
  const text = (size: number) => new TextDecoder().decode(take(size));
  const latin = (size: number) => Buffer.from(take(size)).toString('latin1');
  const line = () => {
    const end = bytes.indexOf(0x0a, at);
    const found = text(end - at);
    at += 1;
    return found;
  };
  const pop = (): Item => {
    const item = stack.pop();
    if (item === undefined) throw new Error(`${file} is a damaged pickle: nothing is on the stack at byte ${at}.`);
    return item;
  };
  const popToMark = (): Item[] => {
    const from = stack.lastIndexOf(mark);
    if (from < 0) throw new Error(`${file} is a damaged pickle: a mark is missing at byte ${at}.`);
    return stack.splice(from).slice(1);
  };
  const top = (): Item => {
    const item = pop();
    stack.push(item);
    return item;
  };
  const recall = (index: number): Item => {
    const item = memo[index];
    if (item === undefined) throw new Error(`${file} is a damaged pickle: nothing was kept at byte ${at}.`);
    return item;
  };
  const tuple = (size: number) => Array.from({ length: size }, pop).reverse();
  const setItems = (pairs: Item[]) => {
    const dictionary = top();
    if (!(dictionary instanceof Map)) throw new Error(`${file} is a damaged pickle at byte ${at}.`);
    for (let i = 0; i + 1 < pairs.length; i += 2) dictionary.set(pairs[i] ?? null, pairs[i + 1] ?? null);
  };
  const append = (items: Item[]) => {
    const list = top();
    if (!Array.isArray(list)) throw new Error(`${file} is a damaged pickle at byte ${at}.`);
    for (const item of items) list.push(item);
  };

  /** What each operation does; names as in Python's pickletools. */
  const operations: Record<number, (() => void) | undefined> = {
    0x80: () => take(1), // PROTO
    0x95: () => take(8), // FRAME
    0x28: () => stack.push(mark), // MARK
    0x4e: () => stack.push(null), // NONE
    0x88: () => stack.push(true), // NEWTRUE
    0x89: () => stack.push(false), // NEWFALSE
    0x4b: () => stack.push(natural(1)), // BININT1
    0x4d: () => stack.push(natural(2)), // BININT2
    0x4a: () => stack.push(natural(4) | 0), // BININT
    0x8a: () => stack.push(long(take(natural(1)), file)), // LONG1
    0x47: () => stack.push((take(8), view.getFloat64(at - 8))), // BINFLOAT
    0x58: () => stack.push(text(natural(4))), // BINUNICODE
    0x8c: () => stack.push(text(natural(1))), // SHORT_BINUNICODE
    0x8d: () => stack.push(text(natural(8))), // BINUNICODE8
    0x54: () => stack.push(latin(natural(4))), // BINSTRING
    0x55: () => stack.push(latin(natural(1))), // SHORT_BINSTRING
    0x42: () => stack.push(take(natural(4))), // BINBYTES
    0x43: () => stack.push(take(natural(1))), // SHORT_BINBYTES
    0x8e: () => stack.push(take(natural(8))), // BINBYTES8
    0x5d: () => stack.push([]), // EMPTY_LIST
    0x29: () => stack.push([]), // EMPTY_TUPLE
    0x7d: () => stack.push(new Map()), // EMPTY_DICT
    0x85: () => stack.push(tuple(1)), // TUPLE1
    0x86: () => stack.push(tuple(2)), // TUPLE2
    0x87: () => stack.push(tuple(3)), // TUPLE3
    0x74: () => stack.push(popToMark()), // TUPLE
    0x61: () => append([pop()]), // APPEND
    0x65: () => append(popToMark()), // APPENDS
    0x73: () => setItems(tuple(2)), // SETITEM
    0x75: () => setItems(popToMark()), // SETITEMS
    0x71: () => (memo[natural(1)] = top()), // BINPUT
    0x72: () => (memo[natural(4)] = top()), // LONG_BINPUT
    0x94: () => memo.push(top()), // MEMOIZE
    0x68: () => stack.push(recall(natural(1))), // BINGET
    0x6a: () => stack.push(recall(natural(4))), // LONG_BINGET
    0x63: () => stack.push(new Global(`${line()}.${line()}`)), // GLOBAL
    0x93: () => stack.push(new Global(tuple(2).map(String).join('.'))), // STACK_GLOBAL
    0x52: () => {
      // REDUCE
      const [callee, inputs] = tuple(2);
      stack.push(call(callee, inputs, file));
    },
    0x62: () => {
      // BUILD
      const state = pop();
      build(top(), state, file);
    },
  };

  for (;;) {
    const [code = 0] = take(1);
    if (code === 0x2e) return finished(pop(), file);
    const operation = operations[code];
    if (!operation) {
      throw new Error(`${file} holds something that is not read here (operation 0x${code.toString(16)} of a pickle).`);
    }
    operation();
  }
}

/** The few calls that numbers and arrays are made of. */
function call(callee: Item | undefined, inputs: Item | undefined, file: string): Item {
  const [first, second] = Array.isArray(inputs) ? inputs : [];
  const name = callee instanceof Global ? callee.name : '';
  if (/^numpy\.(core|_core)\.multiarray\._reconstruct$/.test(name)) return new ArrayInTheMaking();
  if (name === 'numpy.dtype' && typeof first === 'string') return new DType(first);
  if (name === '_codecs.encode' && typeof first === 'string' && second === 'latin1') return latinBytes(first);
  throw new Error(
    `${file} asks for ${name || 'a call'}, which is not read here: only numbers, texts, lists, dictionaries and NumPy arrays of numbers are.`,
  );
}

/** Completes what {@link call} made. */
function build(item: Item, state: Item, file: string): void {
  if (item instanceof DType && Array.isArray(state) && typeof state[1] === 'string') {
    item.order = state[1];
    return;
  }
  const [, shape, dtype, fortran, values] = Array.isArray(state) ? state : [];
  const bytes = typeof values === 'string' ? latinBytes(values) : values;
  if (!(item instanceof ArrayInTheMaking) || !(dtype instanceof DType) || !(bytes instanceof Uint8Array)) {
    throw new Error(`${file} holds an object other than a NumPy array of numbers, which is not read here.`);
  }
  const sizes = Array.isArray(shape) ? shape.map(Number) : [];
  item.made = arrayOf({ order: dtype.order, type: dtype.type, fortran: fortran === true, shape: sizes }, bytes, file);
}

/** Items without what only the making needs. */
function finished(item: Item, file: string): Unpickled {
  if (Array.isArray(item)) return item.map((inner) => finished(inner, file));
  if (item instanceof Map) {
    return new Map([...item].map(([key, value]) => [finished(key, file), finished(value, file)]));
  }
  if (item instanceof ArrayInTheMaking && item.made) return item.made;
  if (item instanceof Uint8Array || item === null || typeof item !== 'object') {
    if (typeof item !== 'symbol') return item;
  }
  throw new Error(`${file} is a damaged pickle: it ends in the middle of an object.`);
}

/** Two's complement, the smaller end first. */
function long(bytes: Uint8Array, file: string): number {
  const magnitude = bytes.reduceRight((value, byte) => value * 256 + byte, 0);
  const value = (bytes.at(-1) ?? 0) >= 128 ? magnitude - 2 ** (8 * bytes.length) : magnitude;
  if (!Number.isSafeInteger(value)) throw new Error(`${file} holds an integer beyond ±2⁵³, which is not read here.`);
  return value;
}

function latinBytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}
