// @ts-check
// Mocha's functions with types, for tests inside the extension host: import them from here, as there are no global types.

/** @typedef {() => void | Promise<void>} Body */
/** @typedef {(title: string, body: () => void) => void} Describe */
/** @typedef {(title: string, body: (this: { skip(): never, timeout(ms: number): void }) => void | Promise<void>) => void} It */
/** @typedef {{ describe: Describe, it: It, before(body: Body): void, after(body: Body): void, beforeEach(body: Body): void, afterEach(body: Body): void }} Mocha */

export const { describe, it, before, after, beforeEach, afterEach } = /** @type {Mocha} */ (
  /** @type {unknown} */ (globalThis)
);
