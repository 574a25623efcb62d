import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**', 'test/bench/**', '**/*.e2e.test.ts'],
    globalSetup: ['test/support/build-page.ts'],
    setupFiles: ['test/support/property-seed.ts'],
    restoreMocks: true,
    // Many tests wait for processes of their own: one worker, as two CPUs would get, idles half of the time.
    maxWorkers: Math.max(3, availableParallelism()),
    // Only a hang may run into it: nothing is timed.
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
