import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { noRuntimes, testRuntimes } from './test/support/runtimes.mjs';

export default defineConfig({
  define: { SAT_LAB_VERSION: JSON.stringify('test') },
  resolve: {
    alias: { '@tensorflow/tfjs': join(__dirname, 'src/trainer/runtimes/tensorflow/union.ts') },
  },
  test: {
    env: { SAT_RUNTIMES: noRuntimes, SAT_TEST_RUNTIMES: testRuntimes },
    include: ['{src,webview,bench}/**/*.test.ts', 'test/faults/**/*.test.ts'],
    setupFiles: ['test/support/answerRunner.ts'],
    testTimeout: 60_000,
    // Each file starts its own backend; processes keep one from seeing another's.
    pool: 'forks',
  },
});
