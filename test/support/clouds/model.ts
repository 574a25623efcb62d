import type { CloudOptions } from '../../../src/fleet/clouds/cloud-options.js';
import type { HarnessOptions } from '../../fleet/clouds/contract.js';
import { createVirtualClock } from '../virtual-clock.js';

/** A guest of the fleet behind a local server. */
export interface ModelGuest {
  id: string;
  name: string;
  number: number;
  host: string;
}

/** A move in the fleet behind a local server; it goes on with every look. */
export interface ModelMove {
  /** Rises by one with every move. */
  id: number;
  guest: ModelGuest;
  source: string;
  target: string;
  /** Looks so far. */
  looks: number;
  state: 'moving' | 'done' | 'failed' | 'cancelled';
}

/** Looks that a move takes. */
const LOOKS = 4;

/** How a cloud is asked in its contract: on virtual time, so that pauses between tries take none. */
export function calmly({ timeoutMs = 30_000 }: { timeoutMs?: number | undefined }): CloudOptions {
  return { timeoutMs, clock: createVirtualClock(), random: () => 0.5 };
}

/** Hosts, guests and moves, whatever the cloud calls them. */
export function createModel({ hosts: hostCount = 3, guests: guestCount = 4 }: HarnessOptions) {
  const hosts = Array.from({ length: hostCount }, (_, index) => `host-${index}`);
  const guests = new Map<string, ModelGuest>(
    Array.from({ length: guestCount }, (_, index) => {
      const guest = { id: `guest-${index}`, name: `vm ${index}`, number: 100 + index, host: hosts[index % hostCount]! };
      return [guest.id, guest];
    }),
  );
  const moves: ModelMove[] = [];
  const next: { breaks?: boolean; divertTo?: string } = {};

  return {
    hosts,
    guests,
    moves,
    next,
    /** The move of a guest that is under way. */
    moveOf: (id: string) => moves.find(({ guest, state }) => guest.id === id && state === 'moving'),
    start(guest: ModelGuest, target: string): ModelMove {
      const to = next.divertTo ?? target;
      const move: ModelMove = {
        id: moves.length + 1,
        guest,
        source: guest.host,
        target: to,
        looks: 0,
        state: 'moving',
      };
      moves.push(move);
      return move;
    },
    /** Lets a guest's move go on. */
    look(id: string): void {
      const move = this.moveOf(id);
      if (!move) return;
      move.looks += 1;
      if (next.breaks && move.looks >= LOOKS / 2) {
        move.state = 'failed';
        delete next.breaks;
      } else if (move.looks >= LOOKS) {
        move.state = 'done';
        move.guest.host = move.target;
        delete next.divertTo;
      }
    },
    /** % that has been copied. */
    progress: ({ looks }: ModelMove) => (looks / LOOKS) * 100,
  };
}

export type Model = ReturnType<typeof createModel>;
