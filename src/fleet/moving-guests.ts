import type { Clock } from '../common/clock.js';
import type { Cloud, GuestRecord, Inventory } from './fleet.js';

/** A guest that the cloud lists as on its way, whoever moves it, with the host that it has not left yet. */
export interface MovingGuest {
  id: string;
  name: string;
  hostId: string;
}

/** The clouds' words: `migrating` (Nova, libvirt), `migrate` (Proxmox VE), `start_migrate` and `live_migrating` (Cloudpods). */
const MOVING = /migrat/i;
const FAILED = /fail/i;

function isMoving({ status }: Pick<GuestRecord, 'status'>): boolean {
  return MOVING.test(status) && !FAILED.test(status);
}

/** The guests of an inventory that are on their way. */
export function movingGuests({ guests }: Pick<Inventory, 'guests'>): MovingGuest[] {
  return guests.filter(isMoving).map(({ id, name, host_id: hostId }) => ({ id, name, hostId }));
}

/** A cloud, and what its last inventory has told of guests on their way: asking again is dear in a large fleet. */
export interface RememberingCloud {
  /** The same cloud. */
  cloud: Cloud;
  /** What the last inventory has told, and how old that is, ms; undefined before the first. */
  lastMoving: () => { guests: MovingGuest[]; ageMs: number } | undefined;
}

/** Remembers, of each inventory that is asked for, the guests on their way. */
export function rememberMoving(cloud: Cloud, clock: Pick<Clock, 'monotonic'>): RememberingCloud {
  let last: { guests: MovingGuest[]; at: number } | undefined;
  return {
    cloud: {
      ...cloud,
      async inventory(signal) {
        const at = clock.monotonic();
        const inventory = await cloud.inventory(signal);
        last = { guests: movingGuests(inventory), at };
        return inventory;
      },
    },
    lastMoving: () => last && { guests: last.guests, ageMs: clock.monotonic() - last.at },
  };
}
