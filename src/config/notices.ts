import { z } from 'zod';
import { FORMAT_NAMES, parseTargets } from '../notices/targets.js';
import type { NoticeTarget } from '../notices/targets.js';
import { written } from './kinds.js';

/** The variables of notices. An address holds the right to write there. */
export const noticeVariables = {
  NOTIFY_URL: written(z.string(), { yaml: 'words', secret: true })
    .optional()
    .describe(
      `Who is told of what happens: addresses, ${FORMAT_NAMES.map((name) => `${name}+`).join(', ')} before each where it is needed, with #actions=…&rules=… behind; several separated by white space`,
    ),
  NOTIFY_SECRET: written(z.string().min(16, 'expected at least 16 characters'), { secret: true })
    .optional()
    .describe('Signs the notices in JSON (HMAC-SHA256)'),
};

/** Who is told, or one line for every address that is wrong. */
export function noticeTargets(read: { NOTIFY_URL?: string | undefined; NOTIFY_SECRET?: string | undefined }): {
  targets: NoticeTarget[];
  problems: string[];
} {
  if (read.NOTIFY_URL === undefined) {
    const problem = 'NOTIFY_URL: is missing; expected the addresses that NOTIFY_SECRET signs for';
    return { targets: [], problems: read.NOTIFY_SECRET === undefined ? [] : [problem] };
  }
  const parsed = parseTargets(read.NOTIFY_URL, read.NOTIFY_SECRET);
  if (!parsed.ok) return { targets: [], problems: parsed.problems.map((problem) => `NOTIFY_URL: ${problem}`) };
  return { targets: parsed.targets, problems: [] };
}
