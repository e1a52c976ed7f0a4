const n = 624;
const m = 397;

/**
 * NumPy's legacy generator (`numpy.random.RandomState`: MT19937), number for number, so that noise and sample orders
 * can be drawn again in Python.
 */
export class NumpyRandom {
  private readonly state = new Uint32Array(n);
  private position = n;
  private spareNormal: number | undefined;

  /** @param seed an integer in [0, 2³²), as `RandomState(seed)`, or several, as `RandomState([…])` */
  constructor(seed: number | readonly number[]) {
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

  /** Uniform in {0, …, below − 1}: `randint(below)`, by masking and rejection. @param below in [1, 2³²] */
  randint(below: number): number {
    return this.bounded(below - 1);
  }

  /** `randint(0, below, size)`. */
  randints(below: number, size: number): Int32Array {
    return Int32Array.from({ length: size }, () => this.randint(below));
  }

  /** `permutation(size)`. */
  permutation(size: number): Int32Array {
    const order = Int32Array.from({ length: size }, (_, i) => i);
    for (let i = size - 1; i > 0; i -= 1) {
      const j = this.bounded(i);
      const other = order[j] ?? 0;
      order[j] = order[i] ?? 0;
      order[i] = other;
    }
    return order;
  }

  /** Standard normal: `randn()`, by the polar method, whose second number serves the next call. */
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

  /** NumPy's `legacy_interval`: uniform in {0, …, max}. */
  private bounded(max: number): number {
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
