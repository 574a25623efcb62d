import type { Model, ModelMove } from './model.js';

/** A server group as `GET /os-server-groups` tells it. */
export interface ServerGroup {
  id: string;
  name: string;
  policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';
  members: string[];
  rules?: { max_server_per_host?: number };
}

/** How a local Nova is to carry out its migrations. */
export interface MoveOptions {
  /** Looks at a guest for which its migration stays `accepted`, which can be neither seen in progress nor aborted; 1 by default. */
  acceptedFor?: number;
  /** Looks at the records before a new migration has one. */
  recordAfter?: number;
}

/** What Nova writes down when a migration comes to nothing before it has begun. */
export interface EarlyRefusal {
  event: string;
  details: string;
}

const NO_VALID_HOST = 'No valid host was found. There are not enough hosts available.';

/** What Nova keeps of live migrations: records, what is in progress, and what the instance's actions tell. */
export function createMoves(model: Model, options: MoveOptions) {
  const requests = new Map<string, ModelMove>();
  const refusals = new Map<ModelMove, EarlyRefusal>();
  const accepted = new Map<ModelMove, number>();
  /** Looks at the records until an abort has taken. */
  const aborting = new Map<ModelMove, number>();
  const seenAtRest = new Set<ModelMove>();
  let looksForRecord = 0;
  const next: { refusal?: EarlyRefusal } = {};

  const isAccepted = (move: ModelMove) => move.state === 'moving' && (accepted.get(move) ?? 0) > 0;
  const statusOf = (move: ModelMove): string => {
    switch (move.state) {
      case 'moving':
        if (isAccepted(move)) return 'accepted';
        return move.looks < 2 ? 'preparing' : 'running';
      case 'failed':
        return refusals.has(move) ? 'error' : 'failed';
      case 'cancelled':
        return 'cancelled';
      case 'done':
        // The guest runs on its target a moment before the record says so.
        if (seenAtRest.has(move)) return 'completed';
        seenAtRest.add(move);
        return 'running';
    }
  };
  const recordOf = (move: ModelMove) => ({
    id: move.id + 40,
    uuid: `migration-${move.id}`,
    instance_uuid: move.guest.id,
    migration_type: 'live-migration',
    source_compute: move.source,
    dest_compute: isAccepted(move) || refusals.has(move) ? null : move.target,
    status: statusOf(move),
    created_at: '2026-11-21T05:00:00.000000',
  });

  return {
    next,
    /** Takes a migration on; the id of the request. */
    begin(guestId: string, target: string, refusal: EarlyRefusal | undefined): string {
      const guest = model.guests.get(guestId)!;
      const move = model.start(guest, target);
      const why = refusal ?? next.refusal;
      delete next.refusal;
      if (why) {
        move.state = 'failed';
        refusals.set(move, why);
      } else accepted.set(move, options.acceptedFor ?? 1);
      looksForRecord = 0;
      const id = `req-${move.id}`;
      requests.set(id, move);
      return id;
    },
    /** A look at a guest lets its migration go on. */
    look(guestId: string): void {
      const move = model.moveOf(guestId);
      const left = move && accepted.get(move);
      if (move && left !== undefined && left > 0) accepted.set(move, left - 1);
      model.look(guestId);
      // What waits to be begun copies nothing.
      if (move && isAccepted(move)) move.looks = 0;
    },
    /** The newest last. */
    records(guestId: string | null) {
      looksForRecord += 1;
      const known = model.moves.filter(({ guest }) => guest.id === guestId);
      const written = looksForRecord > (options.recordAfter ?? 0) ? known : known.slice(0, -1);
      for (const move of written) {
        const left = aborting.get(move);
        if (left === 0 && move.state === 'moving') move.state = 'cancelled';
        else if (left !== undefined) aborting.set(move, left - 1);
      }
      return written.map(recordOf).reverse();
    },
    inProgress(guestId: string) {
      const move = model.moveOf(guestId);
      if (!move || isAccepted(move)) return [];
      return [{ ...recordOf(move), memory_total_bytes: 1000, memory_processed_bytes: model.progress(move) * 10 }];
    },
    /** Whether there is such a migration, and whether it is in a state to be aborted. */
    abort(guestId: string, record: number): 'taken' | 'unknown' | 'not now' {
      const move = model.moves.find(({ id, guest }) => id === record - 40 && guest.id === guestId);
      if (move?.state !== 'moving') return 'unknown';
      if (isAccepted(move)) return 'not now';
      aborting.set(move, 1);
      return 'taken';
    },
    /** `instanceAction` of a request. */
    action(request: string) {
      const move = requests.get(request);
      if (!move) return undefined;
      const refusal = refusals.get(move);
      const begun = { event: 'compute_pre_live_migration', result: 'Success', details: null };
      const failed = refusal && { event: refusal.event, result: 'Error', details: refusal.details };
      return {
        action: 'live-migration',
        request_id: request,
        message: failed ? 'Error' : null,
        events: [failed ?? begun],
      };
    },
  };
}

/** What Nova's scheduler finds against a target: a pinned zone, or a server group. */
export function againstTarget(
  model: Model,
  groups: readonly ServerGroup[],
  zones: { pinned: string | undefined; target: string },
  guestId: string,
  target: string,
): EarlyRefusal | undefined {
  const refusal = { event: 'conductor_live_migrate_instance', details: NO_VALID_HOST };
  if (zones.pinned !== undefined && zones.pinned !== zones.target) return refusal;
  for (const { policy, members, rules } of groups) {
    if (!members.includes(guestId)) continue;
    const there = members.filter((id) => id !== guestId && model.guests.get(id)?.host === target).length;
    if (policy === 'affinity') return refusal;
    if (policy === 'anti-affinity' && there >= (rules?.max_server_per_host ?? 1)) return refusal;
  }
  return undefined;
}
