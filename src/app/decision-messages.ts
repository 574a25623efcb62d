import type { Config } from '../config/read-config.js';
import type { Decision, DecisionRequest } from '../decide/decision.js';
import type { CarriedError } from '../decide/decisions.js';
import type { FleetDetail, FleetView } from '../decide/fleet-view.js';
import type { HostView } from '../decide/host-view.js';
import type { KnownHost } from '../fleet/find-host.js';
import type { MovingGuest } from '../fleet/moving-guests.js';
import type { HostLoad, HostLoadsQuery } from '../verification/host-loads.js';

/** What the thread of the decisions is started with. */
export interface ThreadData {
  config: Config;
}

/** What can be asked of it, and what comes back: all of it plain data. */
export interface Calls {
  decide: { in: DecisionRequest; out: Decision };
  lookAtHosts: { in: HostLoadsQuery; out: HostLoad[] };
  hosts: { in: null; out: KnownHost[] };
  movingGuests: { in: number; out: MovingGuest[] };
  fleet: { in: FleetDetail; out: FleetView };
  host: { in: string; out: HostView | undefined };
}

/** To the thread. */
export type ToThread =
  | { [Name in keyof Calls]: { kind: 'call'; id: number; name: Name; input: Calls[Name]['in'] } }[keyof Calls]
  | { kind: 'abort'; id: number }
  | { kind: 'confirm' }
  | { kind: 'close' };

/** From the thread. */
export type FromThread =
  | { kind: 'ready'; cloud: string; metrics: string; scrapeIntervalMs: number }
  | { kind: 'refused'; problems: string[] }
  | { kind: 'answer'; id: number; output: Calls[keyof Calls]['out'] }
  | { kind: 'error'; id: number; error: CarriedError }
  | { kind: 'log'; level: 'info' | 'warn' | 'error'; fields: object; message: string };
