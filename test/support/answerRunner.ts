import { setImmediate } from 'node:timers/promises';
import { afterEach } from 'vitest';

// Training on the wasm runtime never waits for anything, and a whole file of such tests may take longer than the
// minute within which vitest wants its messages seen.
afterEach(() => setImmediate());
