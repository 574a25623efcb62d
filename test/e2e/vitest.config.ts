import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The stories on real parts: one after the other, since they share the machine's two or so CPUs and its network. */
export default defineConfig({
  root,
  test: {
    include: ['test/e2e/**/*.e2e.test.ts', 'test/page/**/*.e2e.test.ts'],
    // What Debian lacks is built there.
    env: { PATH: `${root}.e2e/bin:${process.env.PATH ?? ''}` },
    fileParallelism: false,
    maxWorkers: 1,
    // Real hypervisors share the machine with everything else: what fails is tried once more on new hosts, and the report shows it.
    retry: 1,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
