import type { BatchView } from '../intake/views.js';
import type { Alert } from '../alerts/alert.js';
import type { BatchEnding, BatchPart, BatchRecord } from '../journal/journal.js';
import { MOST_LINKS } from '../journal/journal.js';
import type { NewEvent } from '../journal/events.js';

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

/**
 * What was accepted or planned long ago, or nobody knows when, and never asked for: the fleet is another by now, a new alert will
 * tell.
 */
export function giveUpWhatIsOld(record: BatchRecord, now: number, maxAgeMs: number): NewEvent[] {
  const age = now - Date.parse(record.accepted_at);
  if (age >= 0 && age <= maxAgeMs) return [];
  const accepted =
    age < 0
      ? `accepted at ${record.accepted_at}, which is still to come: a clock was ahead`
      : `accepted ${Math.round(age / 60_000)} minutes ago`;
  const why = `given up after a restart: ${accepted}`;
  const base = { user: record.sender, batch: record.id };
  const planned = record.migrations.filter(({ phase }) => phase === 'planned');
  const unplanned = record.parts.filter(
    (part) => !part.done && !record.migrations.some(({ rule }) => rule === part.rule),
  );
  for (const migration of planned) migration.phase = 'given_up';
  for (const part of unplanned) part.done = true;
  return [
    ...planned.map(({ rule, notes }): NewEvent => ({
      ...base,
      obj_name: rule,
      action: 'migrate_error',
      notes: { ...notes, reason: why },
    })),
    ...unplanned.map(({ rule }): NewEvent => ({ ...base, obj_name: rule, action: 'ignored', notes: why })),
  ];
}

/** A batch as it is shown before anything is known of its moves. */
export function toView(record: BatchRecord): BatchView {
  const { id, sender, accepted_at, parts, migrations, stopped } = record;
  const rules = parts.map(({ rule }) => rule);
  return {
    id,
    sender,
    accepted_at,
    step: 'asking',
    rules,
    alerts: alertsOf(parts),
    ...linksOf(parts),
    ...(stopped && { stopped }),
    migrations: migrations.map((migration) => ({ ...migration })),
  };
}

/** A fault of ours must not be silent either: the alert was accepted, and this is how it ended. */
export function faultEvent(record: BatchRecord, fault: string): NewEvent {
  const rule = record.parts.find(({ done }) => !done)?.rule ?? record.parts[0]?.rule ?? '';
  const notes = `the batch ended with a fault: ${fault}`;
  return { obj_name: rule, user: record.sender, action: 'migrate_error', notes, batch: record.id };
}

/** The parts of a batch with alerts that join it: a part of the same rule takes their hosts, and is opened again if it was done. */
export function withJoined(parts: readonly BatchPart[], joining: readonly BatchPart[]): BatchPart[] {
  const joined = parts.map((part) => ({ ...part }));
  for (const part of joining) {
    const { rule, hosts, again, links = [] } = part;
    const known = joined.find((other) => other.rule === rule);
    if (!known) {
      joined.push({ ...part });
      continue;
    }
    if (!again) delete known.again;
    const before = known.done ? [] : known.hosts;
    const isNew = (words: readonly string[]) => !before.some((other) => other.join('\n') === words.join('\n'));
    known.hosts = [...before, ...hosts.filter(isNew)];
    known.done = false;
    Object.assign(known, linksOf([known, { links }]));
  }
  return joined;
}

/** Where people see the alerts of a part, each place once; nothing is made for a storm of alerts that lead to one place. */
export function linksTo(alerts: readonly Pick<Alert, 'link'>[]): { links?: string[] } {
  const links: string[] = [];
  for (const { link } of alerts) {
    if (link !== undefined && links.length < MOST_LINKS && !links.includes(link)) links.push(link);
  }
  return links.length > 0 ? { links } : {};
}

/** The same of a whole batch. */
export function linksOf(parts: readonly Pick<BatchPart, 'links'>[]): { links?: string[] } {
  return linksTo(parts.flatMap(({ links = [] }) => links.map((link) => ({ link }))));
}

/**
 * The hosts that alerts came for.
 * @param known - those that were shown before: the others have joined the batch.
 */
export function alertsOf(parts: readonly BatchPart[], known?: BatchView['alerts']): BatchView['alerts'] {
  return parts.flatMap(({ rule, hosts }) =>
    hosts.map(([host = '']) => {
      const shown = known?.find((each) => each.rule === rule && each.host === host);
      return shown ?? { rule, host, joined: known !== undefined };
    }),
  );
}
