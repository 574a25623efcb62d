import type { VirshEnding, VirshMigration } from './virsh.js';

/** A migration that this process has asked for. */
export interface Move {
  /** What the journal keeps of it. */
  handle: string;
  virsh: VirshMigration;
  /** How its virsh ended; absent while it waits. */
  ending?: VirshEnding;
  cancelled: boolean;
  /** The highest progress that was told, %: it would fall with each pass over memory that is written meanwhile. */
  progress: number;
}

/** The migrations that this process has asked for, by guest. Everything here may be lost: libvirt knows where guests are. */
export interface Moves {
  add(uuid: string, handle: string, virsh: VirshMigration): Move;
  get(uuid: string): Move | undefined;
  /** Why the move of that handle failed, where this process knows. */
  failureOf(uuid: string, handle: string | undefined): string | undefined;
}

export function createMoves(): Moves {
  const moves = new Map<string, Move>();
  return {
    add(uuid, handle, virsh) {
      const move: Move = { handle, virsh, cancelled: false, progress: 0 };
      moves.set(uuid, move);
      void virsh.ended.then((ending) => (move.ending = ending));
      return move;
    },
    get: (uuid) => moves.get(uuid),
    failureOf(uuid, handle) {
      const move = moves.get(uuid);
      // Without its handle it is not this move that is asked about, but whether the guest may move now.
      if (!move || move.handle !== handle || move.cancelled || !move.ending || move.ending.ok) return undefined;
      return move.ending.words;
    },
  };
}
