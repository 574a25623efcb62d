import { errorMessage } from '../common/error-message.js';
import { FleetError } from '../fleet/fleet.js';
import { askFleet } from '../fleet/ask.js';
import type { KnownHost } from '../fleet/find-host.js';
import type { MovingGuest } from '../fleet/moving-guests.js';
import { movingGuests, rememberMoving } from '../fleet/moving-guests.js';
import { withinTime } from '../fleet/within-time.js';
import type { HostLoad, HostLoadsQuery } from '../verification/host-loads.js';
import { hostLoads } from '../verification/host-loads.js';
import type { DecisionDeps } from './decide.js';
import { decide } from './decide.js';
import type { Decision, DecisionRequest } from './decision.js';
import type { FleetDetail, FleetView } from './fleet-view.js';
import { fleetView } from './fleet-view.js';
import type { HostView } from './host-view.js';
import { createHostViews } from './host-view.js';

/** A decision that broke off: a limit of time or memory, or a fault of ours. Nothing has been moved by it. */
export class DecisionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DecisionError';
  }
}

/** Everything that looks at the whole fleet. A port: it may be in a thread of its own, so only plain data goes in and comes out. */
export interface Decisions {
  /**
   * See {@link decide}.
   * @throws DecisionError where it broke off.
   */
  decide(request: DecisionRequest, signal: AbortSignal): Promise<Decision>;
  /** Says that what the last decision saw stands in the journal now: the next one compares with it. */
  confirm(): void;
  /** How some hosts are doing: see {@link HostLoad}. */
  lookAtHosts(query: HostLoadsQuery, signal: AbortSignal): Promise<HostLoad[]>;
  /** How the hosts of the cloud are called; asks its inventory. */
  hosts(signal: AbortSignal): Promise<KnownHost[]>;
  /** The guests on their way, whoever moves them, as the cloud tells or told so many ms ago at most. */
  movingGuests(atMostOldMs: number, signal: AbortSignal): Promise<MovingGuest[]>;
  /** The fleet as it is, or was some seconds ago: whoever asks meanwhile gets the same answer. */
  fleet(detail: FleetDetail): Promise<FleetView>;
  /** One host with its guests and its course; undefined if the cloud does not list it. */
  host(id: string): Promise<HostView | undefined>;
}

/** The window over which the fleet's readings are averaged, ms; a rule has its own. */
const FLEET_PERIOD_MS = 300_000;
/** An answer is given to all who ask within so many times what it took, ms at most: a small fleet is always told as it is. */
const SHARED_TIMES = 10;
const MOST_SHARED_MS = 5000;

/** Decisions in this very thread. */
export function createDecisions(deps: DecisionDeps): Decisions {
  const { metrics, clock, timeoutMs } = deps;
  const { cloud, lastMoving } = rememberMoving(deps.cloud, clock);
  const inventory = (signal: AbortSignal) => {
    const limit = { system: cloud.name, what: 'inventory', timeoutMs: cloud.inventoryTimeoutMs ?? timeoutMs, signal };
    return withinTime(limit, (within) => cloud.inventory(within));
  };
  const shared = new Map<FleetDetail, { until: number; view: Promise<FleetView> }>();

  const takeSnapshot = async () =>
    (await askFleet({ cloud, metrics, clock, periodMs: FLEET_PERIOD_MS, timeoutMs })).snapshot;
  const hostViews = createHostViews({ metrics, clock, timeoutMs, periodMs: FLEET_PERIOD_MS, takeSnapshot });
  const view = async (detail: FleetDetail): Promise<FleetView> => {
    const snapshot = await takeSnapshot();
    hostViews.remember(snapshot);
    return fleetView(snapshot, detail);
  };

  return {
    async decide(request, signal) {
      try {
        return await decide(request, { ...deps, cloud }, signal);
      } catch (error) {
        signal.throwIfAborted();
        throw new DecisionError(errorMessage(error), { cause: error });
      }
    },
    confirm: () => deps.sightings.confirm(),
    async lookAtHosts(query, signal) {
      const { periodMs } = query;
      const { snapshot } = await askFleet({ cloud, metrics, clock, periodMs, timeoutMs, signal });
      return hostLoads(snapshot, query);
    },
    async hosts(signal) {
      const { hosts } = await inventory(signal);
      return hosts.map(({ id, name, addresses }) => ({ id, name, ...(addresses && { addresses }) }));
    },
    async movingGuests(atMostOldMs, signal) {
      const last = lastMoving();
      return last && last.ageMs <= atMostOldMs ? last.guests : movingGuests(await inventory(signal));
    },
    host: (id) => hostViews.of(id),
    fleet(detail) {
      const known = shared.get(detail);
      const begun = clock.monotonic();
      if (known && begun < known.until) return known.view;
      const next = { until: Infinity, view: view(detail) };
      shared.set(detail, next);
      // A failure is not kept: the next who asks may have more luck. While it lasts all wait for the same.
      next.view.then(
        () => {
          const took = clock.monotonic() - begun;
          next.until = begun + took + Math.min(MOST_SHARED_MS, SHARED_TIMES * took);
        },
        () => shared.delete(detail),
      );
      return next.view;
    },
  };
}

/** An error in plain data, for the way from one thread to another. */
export interface CarriedError {
  kind: 'fleet' | 'decision' | 'other';
  message: string;
  system?: string;
  stack?: string;
}

/** Packs an error up. */
export function carried(error: unknown): CarriedError {
  if (!(error instanceof Error)) return { kind: 'other', message: String(error) };
  const { message, stack } = error;
  const more = stack !== undefined && { stack };
  if (error instanceof FleetError) return { kind: 'fleet', message, system: error.system, ...more };
  return { kind: error instanceof DecisionError ? 'decision' : 'other', message, ...more };
}

/** Unpacks it. */
export function uncarried({ kind, message, system, stack }: CarriedError): Error {
  const error =
    kind === 'fleet'
      ? new FleetError(system ?? '', message.replace(`${system}: `, ''))
      : kind === 'decision'
        ? new DecisionError(message)
        : new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
