/** Size and offset of MT19937's recurrence (Matsumoto and Nishimura, 1998). */
const n = 624;
const m = 397;

/** `RandomState.get_state()` without its name. */
export interface NumpyRandomState {
  /** 624 integers in [0, 2³²). */
  key: Uint32Array;
  /** Of the next number in `key`; 624 when all are used up. */
  position: number;
  /** The second number of the last pair of normals, when it has not been given out. */
  spareNormal: number | undefined;
}

/**
 * NumPy's legacy generator (`numpy.random.RandomState`: MT19937), number for number, so that noise and sample orders
 * can be drawn again in Python. NumPy keeps this generator frozen (its enhancement proposal 19).
 */
export class NumpyRandom {
  private readonly state = new Uint32Array(n);
  private position = n;
  private spareNormal: number | undefined;

  /**
   * @param seed an integer in [0, 2³²), as `RandomState(seed)`, or several, as `RandomState([…])`
   * @throws RangeError when it is anything else
   */
  constructor(seed: number | readonly number[]) {
    const words = typeof seed === 'number' ? [seed] : seed;
    if (words.length === 0 || words.some((word) => !Number.isInteger(word) || word < 0 || word > 0xffffffff)) {
      throw new RangeError(`A seed is an integer from 0 to 2³² − 1, or several: ${words.join(', ')} is not.`);
    }
    if (typeof seed === 'number') this.seedByInteger(seed);
    else this.seedByArray(seed);
  }

  /** The generator's next 32 bits. */
  raw(): number {
    if (this.position >= n) this.refill();
    let y = this.state[this.position] ?? 0;
    this.position += 1;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  /** Uniform in [0, 1) with 53 bits: `random_sample()`. */
  random(): number {
    const high = this.raw() >>> 5;
    const low = this.raw() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /**
   * Uniform in {low, …, high − 1}: `randint(low, high)` of 64-bit integers, by masking and rejection; `randint(high)`
   * begins at 0. With a size, as many of them, as `randint(low, high, size)` draws them; they must fit into 32 bits.
   * @throws RangeError unless 1 ≤ high − low ≤ 2³²
   */
  randint(low: number, high?: number): number;
  randint(low: number, high: number, size: number): Int32Array;
  randint(first: number, second?: number, size?: number): number | Int32Array {
    const [low, high] = second === undefined ? [0, first] : [first, second];
    const max = high - low - 1;
    if (!(max >= 0 && max <= 0xffffffff)) {
      throw new RangeError(`randint: no integers to draw from in [${low}, ${high}), or more than 2³².`);
    }
    if (size === undefined) return low + this.interval(max);
    if (low < -(2 ** 31) || high > 2 ** 31)
      throw new RangeError(`randint: [${low}, ${high}) does not fit into 32 bits.`);
    const drawn = new Int32Array(size);
    for (let i = 0; i < size; i += 1) drawn[i] = low + this.interval(max);
    return drawn;
  }

  /** `permutation(size)`: the integers below `size` in a random order. */
  permutation(size: number): Int32Array {
    const order = Int32Array.from({ length: size }, (_, i) => i);
    this.shuffle(order);
    return order;
  }

  /** Puts an array in a random order in place: `shuffle(array)`. */
  shuffle(array: number[] | Int32Array | Uint32Array | Float32Array | Float64Array): void {
    for (let i = array.length - 1; i > 0; i -= 1) {
      const j = this.interval(i);
      const other = array[j] ?? 0;
      array[j] = array[i] ?? 0;
      array[i] = other;
    }
  }

  /**
   * `choice(below, size, replace)`: integers below `below`, each equally likely.
   * @throws RangeError when more are asked for than there are and none may come twice
   */
  choice(below: number, size: number, replace: boolean): Int32Array {
    if (replace) return this.randint(0, below, size);
    if (size > below) throw new RangeError(`choice: ${size} of ${below} cannot be drawn without replacement.`);
    return this.permutation(below).slice(0, size);
  }

  /**
   * Standard normal: `randn()`, by the polar method, whose second number serves the next call. It can differ from
   * NumPy's in the last bit, as logarithms of different libraries do.
   */
  randn(): number {
    if (this.spareNormal !== undefined) {
      const spare = this.spareNormal;
      this.spareNormal = undefined;
      return spare;
    }
    let x: number;
    let y: number;
    let r: number;
    do {
      x = 2 * this.random() - 1;
      y = 2 * this.random() - 1;
      r = x * x + y * y;
    } while (r >= 1 || r === 0);
    const factor = Math.sqrt((-2 * Math.log(r)) / r);
    this.spareNormal = factor * x;
    return factor * y;
  }

  /** `beta(a, b)`, by Jöhnk's algorithm for small parameters and as a ratio of gammas otherwise. */
  beta(a: number, b: number): number {
    if (a > 1 || b > 1) {
      const x = this.gamma(a);
      return x / (x + this.gamma(b));
    }
    for (;;) {
      const [u, v] = [this.random(), this.random()];
      const [x, y] = [u ** (1 / a), v ** (1 / b)];
      if (x + y > 1) continue;
      if (x + y > 0) return x / (x + y);
      // Both powers are too small for a double.
      const [logX, logY] = [Math.log(u) / a, Math.log(v) / b];
      const largest = Math.max(logX, logY);
      return Math.exp(logX - largest - Math.log(Math.exp(logX - largest) + Math.exp(logY - largest)));
    }
  }

  /** `standard_gamma(shape)` (Marsaglia and Tsang 2000 above 1, Ahrens and Dieter below). */
  private gamma(shape: number): number {
    if (shape === 1) return -Math.log(1 - this.random());
    if (shape < 1) {
      for (;;) {
        const u = this.random();
        const v = -Math.log(1 - this.random());
        if (u <= 1 - shape) {
          const x = u ** (1 / shape);
          if (x <= v) return x;
        } else {
          const y = -Math.log((1 - u) / shape);
          const x = (1 - shape + shape * y) ** (1 / shape);
          if (x <= v + y) return x;
        }
      }
    }
    const b = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * b);
    for (;;) {
      let x: number;
      let v: number;
      do {
        x = this.randn();
        v = 1 + c * x;
      } while (v <= 0);
      v = v ** 3;
      const u = this.random();
      if (u < 1 - 0.0331 * x ** 4 || Math.log(u) < 0.5 * x * x + b * (1 - v + Math.log(v))) return b * v;
    }
  }

  /** The state, as `get_state()` gives it: it can be saved, and set in NumPy. */
  getState(): NumpyRandomState {
    return { key: this.state.slice(), position: this.position, spareNormal: this.spareNormal };
  }

  /** Goes on from a saved state. @throws RangeError when it is not one */
  setState({ key, position, spareNormal }: NumpyRandomState): void {
    if (key.length !== n || !Number.isInteger(position) || position < 0 || position > n) {
      throw new RangeError(`A state has ${n} numbers and a position from 0 to ${n}.`);
    }
    this.state.set(key);
    this.position = position;
    this.spareNormal = spareNormal;
  }

  /** NumPy's `random_interval`: uniform in {0, …, max}; draws nothing when max is 0. */
  private interval(max: number): number {
    if (max === 0) return 0;
    const mask = max >= 0x80000000 ? 0xffffffff : 2 ** (32 - Math.clz32(max)) - 1;
    for (;;) {
      const value = (this.raw() & mask) >>> 0;
      if (value <= max) return value;
    }
  }

  private seedByInteger(seed: number): void {
    this.state[0] = seed >>> 0;
    for (let i = 1; i < n; i += 1) {
      const previous = this.state[i - 1] ?? 0;
      this.state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
    this.position = n;
  }

  private seedByArray(key: readonly number[]): void {
    this.seedByInteger(19650218);
    const { state } = this;
    let i = 1;
    let j = 0;
    const mixed = (factor: number) => {
      const previous = state[i - 1] ?? 0;
      return (state[i] ?? 0) ^ Math.imul(previous ^ (previous >>> 30), factor);
    };
    const advance = () => {
      i += 1;
      if (i >= n) {
        state[0] = state[n - 1] ?? 0;
        i = 1;
      }
    };
    for (let k = Math.max(n, key.length); k > 0; k -= 1) {
      state[i] = mixed(1664525) + (key[j] ?? 0) + j;
      advance();
      j = (j + 1) % key.length;
    }
    for (let k = n - 1; k > 0; k -= 1) {
      state[i] = mixed(1566083941) - i;
      advance();
    }
    state[0] = 0x80000000;
  }

  private refill(): void {
    const { state } = this;
    for (let i = 0; i < n; i += 1) {
      const y = ((state[i] ?? 0) & 0x80000000) | ((state[(i + 1) % n] ?? 0) & 0x7fffffff);
      state[i] = (state[(i + m) % n] ?? 0) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.position = 0;
  }
}
