import { type Plan, type PlannedMigration, MEMORY_FLOOR } from '../../../src/balancer/index.js';
import { planMigrations, type PlanRequest } from '../../support/plan.js';
import type { Guest, Host } from '../../../src/fleet/fleet.js';

const MIB = 1024 ** 2;

interface Room {
  host: Host;
  cpu: number;
  free: number;
}

function usageOf({ metrics }: Host | Guest): number {
  return metrics['cpu.usage_active'] ?? 0;
}

function scoreOn(guest: Guest, host: Host): number {
  return (usageOf(guest) * guest.vcpu_count) / host.cpu_count;
}

/** Sources and targets of a CPU request as they are before the plan. */
function setOut({ snapshot, sourceIds }: PlanRequest) {
  const room = (host: Host): Room => ({ host, cpu: usageOf(host), free: host.metrics['mem.available'] ?? 0 });
  const sources = snapshot.hosts.filter(({ id }) => sourceIds.includes(id)).map(room);
  const targets = snapshot.hosts.filter(({ id }) => !sourceIds.includes(id)).map(room);
  const guestsOn = (host: Host) =>
    snapshot.guests.filter((guest) => guest.host_id === host.id && guest.status === 'running' && usageOf(guest) > 0);
  return { sources, targets, guestsOn };
}

/** The emptiest target under the threshold with the guest on it. */
function emptiest(targets: readonly Room[], guest: Guest, threshold: number): Room | undefined {
  let best: Room | undefined;
  for (const target of targets) {
    if (target.cpu + scoreOn(guest, target.host) >= threshold) continue;
    if (target.free - guest.vmem_size * MIB < MEMORY_FLOOR) continue;
    if (!best || target.cpu < best.cpu) best = target;
  }
  return best;
}

function move(guest: Guest, source: Room, target: Room): PlannedMigration {
  const score = scoreOn(guest, source.host);
  const before = usageOf(target.host);
  source.cpu -= score;
  target.cpu += scoreOn(guest, target.host);
  target.free -= guest.vmem_size * MIB;
  const { id, name, vcpu_count, vmem_size } = guest;
  return {
    guest: { id, name, host: source.host.name, host_id: source.host.id, vcpu_count, vmem_size, score },
    target_host: { id: target.host.id, name: target.host.name, score: before, predicted: target.cpu },
  };
}

function toPlan({ rule }: PlanRequest, migrations: PlannedMigration[], sources: readonly Room[]): Plan {
  return {
    outcome: migrations.length === 0 ? 'find_result_fail' : 'migrate',
    rule: rule.name,
    metric: rule.metric,
    threshold: rule.threshold,
    sources: sources.map(({ host, cpu }) => ({ id: host.id, name: host.name, current: usageOf(host), predicted: cpu })),
    migrations,
    cost: migrations.reduce((sum, { guest }) => sum + guest.vmem_size + 1024, 0),
    notes: '',
    optimal: false,
    gap: 1,
    rejected: [],
    // Rivals do not explain themselves.
    explanation: { sources: [], chosen: '', refusedHosts: [], refusedGuests: [], loads: [] },
  };
}

/** What is shipped elsewhere: every guest of the alerting host to the emptiest host that takes it. */
export function firstFitOfEverything(request: PlanRequest): Plan {
  const { sources, targets, guestsOn } = setOut(request);
  const migrations = sources.flatMap((source) =>
    guestsOn(source.host).flatMap((guest) => {
      const target = emptiest(targets, guest, request.rule.threshold);
      return target ? [move(guest, source, target)] : [];
    }),
  );
  return toPlan(request, migrations, sources);
}

/**
 * Of the guests that clear the difference between reading and threshold the one whose score is nearest to it; where none
 * does, the largest, and on with the rest. Each goes to the emptiest host that takes it.
 */
export function nearestDifference(request: PlanRequest): Plan {
  const { threshold } = request.rule;
  const { sources, targets, guestsOn } = setOut(request);
  const migrations: PlannedMigration[] = [];
  for (const source of sources) {
    const left = new Set(guestsOn(source.host));
    while (source.cpu >= threshold) {
      const difference = source.cpu - threshold;
      const movable = [...left]
        .filter((guest) => emptiest(targets, guest, threshold))
        .sort((a, b) => scoreOn(a, source.host) - scoreOn(b, source.host));
      const guest = movable.find((each) => scoreOn(each, source.host) > difference) ?? movable.at(-1);
      const target = guest && emptiest(targets, guest, threshold);
      if (!guest || !target) break;
      migrations.push(move(guest, source, target));
      left.delete(guest);
    }
  }
  return toPlan(request, migrations, sources);
}

/** The bare plan of least price, without margin, memory or history. */
export function leastPrice({ snapshot, rule, sourceIds }: PlanRequest): Plan {
  const { name, metric, threshold, source, target } = rule;
  return planMigrations({ snapshot, rule: { name, metric, threshold, source, target }, sourceIds });
}
