import type { PlanRequest } from '../support/plan.js';
import type { Guest, Host } from '../../src/fleet/fleet.js';
import {
  fitsTogether,
  isCandidate,
  isSameKind,
  isUsableTarget,
  readingWithout,
  sourcesOver,
} from '../balancer/checker.js';

/** One guest to one host. */
export interface BaselineMove {
  guest: Guest;
  from: Host;
  to: Host;
}

export type Planner = (request: PlanRequest) => BaselineMove[];

function guestsOf({ snapshot }: PlanRequest, host: Host): Map<string, Guest[]> {
  return new Map([[host.id, snapshot.guests.filter(({ host_id }) => host_id === host.id)]]);
}

function score({ rule }: PlanRequest, guest: Guest, host: Host): number {
  return rule.metric === 'cpu.usage_active'
    ? ((guest.metrics['cpu.usage_active'] ?? 0) * guest.vcpu_count) / host.cpu_count
    : guest.vmem_size * 1024 * 1024;
}

/** The emptiest host first. */
function byEmptiness({ rule }: PlanRequest, hosts: readonly Host[]): Host[] {
  const reading = (host: Host) => host.metrics[rule.metric] ?? 0;
  return [...hosts].sort((a, b) =>
    rule.metric === 'cpu.usage_active' ? reading(a) - reading(b) : reading(b) - reading(a),
  );
}

function isGood({ rule }: PlanRequest, reading: number | undefined): boolean {
  if (reading === undefined) return false;
  return rule.metric === 'cpu.usage_active' ? reading < rule.threshold : reading > rule.threshold;
}

/** Every guest that fits goes to the emptiest host that takes it by the watched metric: no stop, no guard. */
export const firstFitOfEverything: Planner = (request) => {
  const { rule, snapshot } = request;
  const usable = snapshot.hosts.filter((host) => isUsableTarget(request, host));
  const load = new Map(usable.map((host) => [host, host.metrics[rule.metric] ?? 0]));
  const isCpu = rule.metric === 'cpu.usage_active';
  const order = byEmptiness(request, usable);
  const moves: BaselineMove[] = [];
  for (const from of sourcesOver(request)) {
    for (const guest of guestsOf(request, from).get(from.id) ?? []) {
      if (!isCandidate(request, guest)) continue;
      const to = order.find((host) => {
        const after = (load.get(host) ?? 0) + (isCpu ? 1 : -1) * score(request, guest, host);
        return isSameKind(from, host) && (isCpu ? after < rule.threshold : after > rule.threshold);
      });
      if (!to) continue;
      load.set(to, (load.get(to) ?? 0) + (isCpu ? 1 : -1) * score(request, guest, to));
      moves.push({ guest, from, to });
    }
  }
  return moves;
};

/** Again and again the guest whose score is nearest to what is left of the difference, to the emptiest host that fits. */
export const nearestDifference: Planner = (request) => {
  const { rule, snapshot } = request;
  const usable = byEmptiness(
    request,
    snapshot.hosts.filter((host) => isUsableTarget(request, host)),
  );
  const booked = new Map<Host, Guest[]>();
  const moves: BaselineMove[] = [];
  for (const from of sourcesOver(request)) {
    const gone: Guest[] = [];
    const left = (guestsOf(request, from).get(from.id) ?? []).filter((guest) => isCandidate(request, guest));
    for (;;) {
      const reading = readingWithout(request, from, gone);
      if (isGood(request, reading)) break;
      const difference = Math.abs((reading ?? 0) - rule.threshold);
      const distance = (guest: Guest) => Math.abs(score(request, guest, from) - difference);
      left.sort((a, b) => distance(a) - distance(b));
      const place = (guest: Guest) =>
        usable.find((to) => isSameKind(from, to) && fitsTogether(request, [...(booked.get(to) ?? []), guest], to));
      const guest = left.find((candidate) => place(candidate));
      const to = guest && place(guest);
      if (!guest || !to) break;
      left.splice(left.indexOf(guest), 1);
      booked.set(to, [...(booked.get(to) ?? []), guest]);
      gone.push(guest);
      moves.push({ guest, from, to });
    }
  }
  return moves;
};
