import type { BatchView } from '../http/ports.js';
import type { BatchEnding, BatchRecord } from '../journal/journal.js';

/** How a batch has ended; `now` in ms since the epoch, `fault` if something broke it off. */
export function toEnding(record: BatchRecord, now: number, fault: string | undefined): BatchEnding {
  const { id, sender, accepted_at, parts, migrations } = record;
  const succeeded = migrations.filter(({ phase }) => phase === 'succeeded').length;
  return {
    id,
    sender,
    accepted_at,
    ended_at: new Date(now).toISOString(),
    rules: parts.map(({ rule }) => rule),
    succeeded,
    failed: migrations.length - succeeded,
    ...(fault !== undefined && { fault }),
  };
}

/** A batch as it is shown when it begins. */
export function toView(record: BatchRecord): BatchView {
  const { id, sender, accepted_at, parts, migrations } = record;
  const rules = parts.map(({ rule }) => rule);
  return {
    id,
    sender,
    accepted_at,
    step: 'asking',
    rules,
    migrations: migrations.map((migration) => ({ ...migration })),
  };
}
