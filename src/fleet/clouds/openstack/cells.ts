import type { Clock } from '../../../common/clock.js';

/** A host may be given to another cell: what was seen is forgotten after a day. */
const REMEMBERED_MS = 86_400_000;

/**
 * Which hosts are in different cells. No API of Nova tells a host's cell, only its refusals do. Hosts between which it has
 * taken a move are in one cell, so that one refusal speaks for all hosts on either side.
 */
export function createCells(clock: Pick<Clock, 'monotonic'>) {
  let groups: Set<string>[] = [];
  let refusals: { a: string; b: string; at: number }[] = [];
  const groupOf = (host: string) => groups.find((group) => group.has(host)) ?? new Set([host]);

  return {
    /** Nova has taken a move between these hosts. */
    together(a: string, b: string): void {
      const merged = new Set([...groupOf(a), ...groupOf(b)]);
      groups = [...groups.filter((group) => !group.has(a) && !group.has(b)), merged];
      refusals = refusals.filter((refusal) => !(merged.has(refusal.a) && merged.has(refusal.b)));
    },
    /** Nova has refused a move between these hosts, because they are in different cells. */
    apart(a: string, b: string): void {
      const now = clock.monotonic();
      // What was thought to be one cell is not.
      if (groupOf(a).has(b)) groups = groups.filter((group) => !group.has(a));
      refusals = [...refusals.filter(({ at }) => now - at <= REMEMBERED_MS), { a, b, at: now }];
    },
    areApart(a: string, b: string): boolean {
      const [here, there] = [groupOf(a), groupOf(b)];
      const now = clock.monotonic();
      return refusals.some(
        (refusal) =>
          now - refusal.at <= REMEMBERED_MS &&
          ((here.has(refusal.a) && there.has(refusal.b)) || (here.has(refusal.b) && there.has(refusal.a))),
      );
    },
  };
}
