import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Builds the page where nobody has: `npm test` does so before, a run of some tests alone does not. */
export default function buildPage(): void {
  const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
  if (!existsSync(at('dist/page/index.html'))) execFileSync(process.execPath, [at('src/page/bundle.js')]);
}
