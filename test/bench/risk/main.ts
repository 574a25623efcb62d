import { performance } from 'node:perf_hooks';
import type { Guest, Snapshot } from '../../../src/fleet/fleet.js';
import { planMigrations } from '../../support/plan.js';
import { makeFleet } from '../day/fleet.js';
import { syntheticTrace } from '../day/synthetic.js';
import { costOf, leastCost } from './exact.js';
import { momentOf } from './moment.js';

const THRESHOLD = 80;
const WORTH = 130;
const CASES = 60;
/** Guests that may move in a small case: HiGHS is given everything that each host may come to with them. */
const CANDIDATES = 10;

const say = (line: string) => process.stdout.write(`${line}\n`);
const everyone = { source: { hosts: [], guests: [] as string[] }, target: { hosts: [] } };
const rule = { name: 'cpu-high', metric: 'cpu.usage_active' as const, threshold: THRESHOLD, ...everyone };

function alertingOn({ hosts }: Snapshot): string[] {
  return hosts.flatMap(({ id, metrics }) => ((metrics['cpu.usage_active'] ?? 0) > THRESHOLD ? [id] : []));
}

function request(snapshot: Snapshot, sourceIds: readonly string[], movable?: readonly Guest[]) {
  const preventiveIds = snapshot.hosts.map(({ id }) => id).filter((id) => !sourceIds.includes(id));
  const only = movable && { source: { hosts: [], guests: movable.map(({ id }) => id) } };
  return { snapshot, rule: { ...rule, ...only }, sourceIds, risk: { worth: WORTH, preventiveIds } };
}

/** The search against the optimum: small fleets at moments in which some host alerts, of each the guests that use most. */
async function againstExact(): Promise<void> {
  let [found, least, cases, alike, worst] = [0, 0, 0, 0, 1];
  for (let seed = 1; cases < CASES && seed < 20 * CASES; seed += 1) {
    const fleet = makeFleet(syntheticTrace(seed % 7), 4, seed, seed % 2 === 0 ? [45, 78] : [35, 75]);
    const snapshot = momentOf(fleet, 80 + (seed % 200));
    const sourceIds = alertingOn(snapshot);
    if (sourceIds.length === 0) continue;
    const cpus = new Map(snapshot.hosts.map(({ id, cpu_count }) => [id, cpu_count]));
    const isSource = ({ host_id }: Guest) => sourceIds.includes(host_id);
    const points = (guest: Guest) =>
      ((guest.metrics['cpu.usage_active'] ?? 0) * guest.vcpu_count) / cpus.get(guest.host_id)!;
    const movable = [...snapshot.guests]
      .sort((a, b) => Number(isSource(b)) - Number(isSource(a)) || points(b) - points(a) || (a.id < b.id ? -1 : 1))
      .slice(0, 60)
      .filter((_, at) => at % 6 === 0);
    const exact = await leastCost(snapshot, movable.slice(0, CANDIDATES), sourceIds, WORTH);
    if (exact === undefined) continue;
    const plan = planMigrations(request(snapshot, sourceIds, movable.slice(0, CANDIDATES)));
    const moves = plan.migrations.map(({ guest, target_host }) => ({ guestId: guest.id, targetId: target_host.id }));
    const cost = costOf(snapshot, moves, WORTH);
    cases += 1;
    found += cost;
    least += exact;
    worst = Math.max(worst, cost / exact);
    if (cost <= exact * (1 + 1e-6)) alike += 1;
  }
  say(`against the optimum (HiGHS), ${cases} fleets of 4 hosts with ${CANDIDATES} guests that may move:`);
  say(`  cost ${(found / least).toFixed(4)} × the least, ${alike} alike, the worst ${worst.toFixed(3)} ×`);
}

/** The fleet with a third of its guests, each with three times the load of one. */
function withFewerGuests({ hosts, guests, ...rest }: Snapshot): Snapshot {
  const larger = guests.flatMap((guest, at): Guest[] => {
    if (at % 3 !== 0) return [];
    const parts = guests.slice(at, at + 3).filter(({ host_id }) => host_id === guest.host_id);
    const vcpu_count = parts.reduce((sum, { vcpu_count: vcpus }) => sum + vcpus, 0);
    return [{ ...guest, vcpu_count, vmem_size: parts.reduce((sum, { vmem_size }) => sum + vmem_size, 0) }];
  });
  return { ...rest, hosts, guests: larger };
}

/** A plan's time, without and with laying out the fleet. Each guest has a history of 72 slots. */
function speed(hosts: number, guestsAs: (snapshot: Snapshot) => Snapshot): void {
  const trace = syntheticTrace(1);
  const snapshot = guestsAs(momentOf(makeFleet(trace, hosts, 1), 150));
  const sourceIds = alertingOn(snapshot);
  const times: number[] = [];
  const cold: number[] = [];
  const busy: number[] = [];
  let moves = 0;
  for (let run = 0; run < 15; run += 1) {
    // A snapshot is laid out once for many plans: another object is a new one.
    const fresh = { ...snapshot };
    const began = performance.now();
    const plan = planMigrations({ ...request(fresh, sourceIds) });
    cold.push(performance.now() - began);
    moves = plan.migrations.length;
    const again = performance.now();
    const before = process.cpuUsage();
    planMigrations({ ...request(fresh, sourceIds) });
    times.push(performance.now() - again);
    busy.push(process.cpuUsage(before).user / 1000);
  }
  const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
  const least = (values: number[]) => Math.min(...values);
  const text = (values: number[]) => `${median(values).toFixed(1)} ms (least ${least(values).toFixed(1)})`;
  say(
    `${hosts} hosts, ${snapshot.guests.length} guests, ${sourceIds.length} alerting, ${moves} moves: ` +
      `a plan takes ${text(times)}, of CPU ${text(busy)}; with laying out the fleet ${text(cold)}`,
  );
}

for (const hosts of [100, 1000]) {
  speed(hosts, withFewerGuests);
  speed(hosts, (snapshot) => snapshot);
}
await againstExact();
