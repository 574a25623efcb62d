import type { Snapshot } from '../../fleet/fleet.js';

/** What a reference in a rule or on the command line stands for. */
export type Resolved<T> =
  | { kind: 'found'; entry: T }
  | { kind: 'unknown' }
  /** A name that several bear; all of them. */
  | { kind: 'ambiguous'; entries: T[] };

/**
 * Looks up a reference: an id first, then a name.
 * @param entries - hosts or guests.
 * @param reference - id or name, exactly as written.
 */
export function resolveReference<T extends { id: string; name: string }>(
  entries: readonly T[],
  reference: string,
): Resolved<T> {
  const byId = entries.find(({ id }) => id === reference);
  if (byId) return { kind: 'found', entry: byId };
  const named = entries.filter(({ name }) => name === reference);
  const [first] = named;
  if (!first) return { kind: 'unknown' };
  return named.length === 1 ? { kind: 'found', entry: first } : { kind: 'ambiguous', entries: named };
}

/** {@link resolveReference} over the hosts of a snapshot. */
export function resolveHost(snapshot: Snapshot, reference: string): Resolved<Snapshot['hosts'][number]> {
  return resolveReference(snapshot.hosts, reference);
}

/** {@link resolveReference} over the guests of a snapshot. */
export function resolveGuest(snapshot: Snapshot, reference: string): Resolved<Snapshot['guests'][number]> {
  return resolveReference(snapshot.guests, reference);
}

/**
 * Whether a rule's list names a host or guest, by id or by name (a name stands for all that bear it).
 * @param references - ids and names.
 */
export function names(references: ReadonlySet<string>, entry: { id: string; name: string }): boolean {
  return references.has(entry.id) || references.has(entry.name);
}
