import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  define: { SAT_LAB_VERSION: JSON.stringify('test') },
  resolve: {
    alias: { '@tensorflow/tfjs': join(__dirname, 'src/trainer/runtimes/tensorflow/union.ts') },
  },
  test: {
    include: ['{src,webview,bench}/**/*.test.ts', 'test/faults/**/*.test.ts'],
    testTimeout: 60_000,
    // Each file starts its own backend; processes keep one from seeing another's.
    pool: 'forks',
  },
});
