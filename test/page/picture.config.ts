import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Makes the picture of the page that README and manual show: `npm run page:picture`. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: { include: ['test/page/picture.ts'], testTimeout: 120_000 },
});
