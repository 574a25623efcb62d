import stringWidth from 'string-width';
import { beforeAll, expect, it } from 'vitest';
import { bare, seen } from '../support/command-line.js';
import { ensureBuilt } from '../support/program.js';

beforeAll(() => ensureBuilt(), 120_000);

it('the demo goes as in the documents, and is readable at 80 columns to its end', async () => {
  const { out, status } = await seen(['demo', '--fast'], 80);
  expect(status).toBe(0);
  const lines = bare(out).trimEnd().split('\n');
  for (const line of lines) expect(stringWidth(line), line).toBeLessThanOrEqual(80);
  const end = lines.slice(lines.findIndex((line) => line.startsWith('4 '))).join('\n');
  expect(end).toMatch(/^ {2}\d\d:\d\d:\d\d create: rule test-cpu was added/m);
  expect(end.replaceAll(/\s+/g, ' ')).toContain(
    'migrate_success: guest aisenzhe (8 vCPUs, 8 GiB) has moved from a15 to',
  );
  expect(lines.at(-1)).toBe('The story went as in the documents.');
});
