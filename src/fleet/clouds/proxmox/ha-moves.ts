import type { Clock } from '../../../common/clock.js';
import type { MigrationRequest } from '../../fleet.js';

/**
 * How long the HA manager may take to begin a move that it was asked for, ms: two rounds of about 10 s, and up to 40 s until
 * the guest is locked.
 */
const BEGIN_MS = 60_000;

/** How far a move by the HA manager has come that is at rest on its source. */
export type HaStage =
  /** It may still begin. */
  | 'asked for'
  /** It had begun, and the guest is back at rest. */
  | 'taken back'
  /** Nothing is known of it, or it has had its time. */
  | 'over';

/** Moves by the HA manager, whose requests end long before the move begins: what was seen of each. */
export interface HaMoves {
  asked(request: MigrationRequest): void;
  /** @param handle - UPID of the task that asked for it, where this process did not ask itself. */
  seenMoving(request: MigrationRequest, handle: string | undefined): void;
  /** @param handle - as above. */
  stageOf(request: MigrationRequest, handle: string | undefined): HaStage;
  ended(request: MigrationRequest): void;
}

export function createHaMoves(clock: Clock): HaMoves {
  const moves = new Map<string, { since: number; moving: boolean }>();
  const keyOf = ({ guest, source, target }: MigrationRequest) => [guest.id, source.id, target.id].join(' ');
  const moveOf = (request: MigrationRequest, handle: string | undefined) => {
    const known = moves.get(keyOf(request));
    const start = handle?.split(':')[5] === 'hamigrate' ? startOf(handle) : undefined;
    if (known || start === undefined) return known;
    // The node's clock may be ahead of ours.
    const move = { since: clock.monotonic() - Math.max(0, clock.now() - start), moving: false };
    moves.set(keyOf(request), move);
    return move;
  };
  return {
    asked: (request) => void moves.set(keyOf(request), { since: clock.monotonic(), moving: false }),
    seenMoving(request, handle) {
      // Without a move of ours it is somebody else who moves the guest.
      const move = moveOf(request, handle);
      if (move) move.moving = true;
    },
    stageOf(request, handle) {
      const move = moveOf(request, handle);
      if (!move) return 'over';
      if (move.moving) return 'taken back';
      return clock.monotonic() - move.since < BEGIN_MS ? 'asked for' : 'over';
    },
    ended: (request) => void moves.delete(keyOf(request)),
  };
}

/** When the task of a UPID began, ms since the epoch; undefined if it does not tell. */
export function startOf(upid: string): number | undefined {
  const seconds = Number.parseInt(upid.split(':')[4] ?? '', 16);
  return Number.isNaN(seconds) ? undefined : seconds * 1000;
}
