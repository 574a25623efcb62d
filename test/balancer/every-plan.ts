import type { Guest, Host } from '../../src/fleet/fleet.js';
import type { PlanRequest } from '../support/plan.js';
import { fitsTogether, isCandidate, isSameKind, isUsableTarget, readingWithout, sourcesOver } from './checker.js';

/** A guest, and where it goes. */
export interface Choice {
  guest: Guest;
  to: Host;
}

/** Every way to send the candidates somewhere or nowhere. */
function* everyChoice(request: PlanRequest, guests: readonly Guest[], at = 0): Generator<Choice[]> {
  const guest = guests[at];
  if (!guest) {
    yield [];
    return;
  }
  const from = request.snapshot.hosts.find(({ id }) => id === guest.host_id)!;
  for (const rest of everyChoice(request, guests, at + 1)) {
    yield rest;
    for (const to of request.snapshot.hosts) {
      if (isUsableTarget(request, to) && isSameKind(from, to)) yield [{ guest, to }, ...rest];
    }
  }
}

/**
 * Price, moves and fullest target of the best plan that clears everything, by trying them all.
 * @param isAllowed - what else a plan has to keep to.
 */
export function bestOfAll(
  request: PlanRequest,
  isAllowed: (choice: readonly Choice[]) => boolean = () => true,
): [number, number, number] | undefined {
  const isCpu = request.rule.metric === 'cpu.usage_active';
  const over = sourcesOver(request);
  const movable = request.snapshot.guests.filter(
    (guest) => isCandidate(request, guest) && over.some(({ id }) => id === guest.host_id),
  );
  let best: [number, number, number] | undefined;
  for (const choice of everyChoice(request, movable)) {
    const hosts = new Set(choice.map(({ to }) => to));
    const arriving = (host: Host) => choice.filter(({ to }) => to === host).map(({ guest }) => guest);
    // The slack keeps sums on the very limit out, as the balancer does.
    if (![...hosts].every((host) => fitsTogether(request, arriving(host), host, arriving(host).length > 1 ? -1e-9 : 0)))
      continue;
    const isCleared = over.every((source) => {
      const gone = choice.filter(({ guest }) => guest.host_id === source.id).map(({ guest }) => guest);
      const reading = readingWithout(request, source, gone)!;
      return isCpu ? reading < request.rule.threshold - 1e-9 : reading > request.rule.threshold;
    });
    if (!isCleared || !isAllowed(choice)) continue;
    const price = choice.reduce((sum, { guest }) => sum + guest.vmem_size + 1024, 0);
    const peaks = [...hosts].map((host) => {
      const come = arriving(host);
      return isCpu
        ? come.reduce(
            (sum, g) => sum + ((g.metrics['cpu.usage_active'] ?? 0) * g.vcpu_count) / host.cpu_count,
            host.metrics['cpu.usage_active']!,
          )
        : come.reduce((sum, g) => sum + g.vmem_size * 1024 * 1024, -host.metrics['mem.available']!);
    });
    const worth: [number, number, number] = [price, choice.length, Math.max(-Infinity, ...peaks)];
    if (!best || isLess(worth, best)) best = worth;
  }
  return best;
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at]! < b[at]!;
  return false;
}
