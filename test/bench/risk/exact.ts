import loadHighs from 'highs';
import { fleetIndex } from '../../../src/balancer/index.js';
import { cpuRisks } from '../../../src/balancer/risk/cpu-risks.js';
import type { Guest, Host, Snapshot } from '../../../src/fleet/fleet.js';

/** Guests that one host gives or takes at most. */
const MOST_AT_ONCE = 3;
const THRESHOLD = 80;
const MIB = 1024 ** 2;
const FLOOR = 1024 * MIB;

/** What a host may come to: the guests that leave it, or those that come to it. */
interface Choice {
  host: string;
  leaving: readonly Guest[];
  arriving: readonly Guest[];
  /** GiB: worth × risk, and the price of what comes. */
  cost: number;
}

const readingOf = (entry: Guest | Host) => entry.metrics['cpu.usage_active'] ?? 0;
const price = ({ vmem_size }: Guest) => (vmem_size + 1024) / 1024;

function subsets(guests: readonly Guest[], most: number): Guest[][] {
  let all: Guest[][] = [[]];
  for (const guest of guests)
    all = [...all, ...all.filter(({ length }) => length < most).map((set) => [...set, guest])];
  return all;
}

/** The sum of worth × risk over all hosts after some moves and of their prices, GiB. */
export function costOf(
  snapshot: Snapshot,
  moves: readonly { guestId: string; targetId: string }[],
  worth: number,
): number {
  const { risks, rowOf, at } = risksOf(snapshot);
  const guests = new Map(snapshot.guests.map((guest) => [guest.id, guest]));
  let cost = 0;
  for (const { guestId, targetId } of moves) {
    const guest = guests.get(guestId)!;
    risks.change(at(guest.host_id), rowOf(guest), -1);
    risks.change(at(targetId), rowOf(guest), 1);
    cost += price(guest);
  }
  for (const { id } of snapshot.hosts) {
    risks.settle(at(id));
    cost += worth * risks.risk(at(id));
  }
  return cost;
}

function risksOf(snapshot: Snapshot) {
  const index = fleetIndex(snapshot);
  const risks = cpuRisks(index, [...index.hosts.keys()], THRESHOLD, []);
  if (!risks) throw new Error('no guest has a history');
  const rows = new Map<Guest, number>();
  const rowOf = (guest: Guest) => {
    const row = rows.get(guest) ?? risks.addRow(guest);
    rows.set(guest, row);
    return row;
  };
  return { risks, rowOf, at: (id: string) => index.positionOf.get(id)! };
}

function choicesOf(
  snapshot: Snapshot,
  candidates: readonly Guest[],
  sources: ReadonlySet<string>,
  worth: number,
): Choice[] {
  const { risks, rowOf, at } = risksOf(snapshot);
  const riskAfter = (host: Host, guests: readonly Guest[], sign: 1 | -1) => {
    for (const guest of guests) risks.change(at(host.id), rowOf(guest), sign);
    risks.settle(at(host.id));
    const risk = risks.risk(at(host.id));
    for (const guest of guests) risks.change(at(host.id), rowOf(guest), sign === 1 ? -1 : 1);
    risks.settle(at(host.id));
    return risk;
  };
  const sum = (guests: readonly Guest[], value: (guest: Guest) => number) =>
    guests.reduce((all, guest) => all + value(guest), 0);
  return snapshot.hosts.flatMap((host): Choice[] => {
    const points = (guests: readonly Guest[]) =>
      sum(guests, (guest) => (readingOf(guest) * guest.vcpu_count) / host.cpu_count);
    const own = candidates.filter(({ host_id }) => host_id === host.id);
    const leaving = subsets(own, MOST_AT_ONCE)
      .filter((guests) => !sources.has(host.id) || readingOf(host) - points(guests) < THRESHOLD)
      .map((guests) => ({ host: host.id, leaving: guests, arriving: [], cost: worth * riskAfter(host, guests, -1) }));
    if (sources.has(host.id)) return leaving;
    const free = host.metrics['mem.available'] ?? 0;
    const others = candidates.filter(({ host_id, vcpu_count }) => host_id !== host.id && vcpu_count <= host.cpu_count);
    const arriving = subsets(others, MOST_AT_ONCE)
      .filter((guests) => guests.length > 0)
      .filter((guests) => readingOf(host) + points(guests) < THRESHOLD)
      .filter((guests) => free - sum(guests, ({ vmem_size }) => vmem_size * MIB) >= FLOOR)
      .map((guests) => {
        const cost = worth * riskAfter(host, guests, 1) + sum(guests, price);
        return { host: host.id, leaving: [], arriving: guests, cost };
      });
    return [...leaving, ...arriving];
  });
}

/**
 * The least cost there is, by an integer program over everything that each host may come to: one choice for each host, and a
 * guest that leaves comes to one other. Exact but for the limit of {@link MOST_AT_ONCE}.
 * @param candidates - the guests that may move.
 * @returns GiB; undefined where no choice clears the alerting hosts.
 */
export async function leastCost(
  snapshot: Snapshot,
  candidates: readonly Guest[],
  sourceIds: readonly string[],
  worth: number,
): Promise<number | undefined> {
  const choices = choicesOf(snapshot, candidates, new Set(sourceIds), worth);
  const rows = [
    ...snapshot.hosts.map(({ id }) => {
      const own = choices.flatMap(({ host }, at) => (host === id ? [`+ x${at}`] : []));
      return { terms: own, sum: 1 };
    }),
    ...candidates.map(({ id }) => {
      const has = (guests: readonly Guest[]) => guests.some((guest) => guest.id === id);
      const terms = choices.flatMap(({ leaving, arriving }, at) => {
        return has(leaving) ? [`+ x${at}`] : has(arriving) ? [`- x${at}`] : [];
      });
      return { terms, sum: 0 };
    }),
  ].filter(({ terms }) => terms.length > 0);
  const wrapped = (terms: readonly string[]) => terms.map((term, at) => (at % 8 === 7 ? `${term}\n` : term)).join(' ');
  const model = [
    'Minimize',
    `cost: ${wrapped(choices.map(({ cost }, at) => `+ ${cost.toFixed(9)} x${at}`))}`,
    'Subject To',
    ...rows.map(({ terms, sum }, at) => `r${at}: ${wrapped(terms)} = ${sum}`),
    'Binary',
    choices.map((_, at) => `x${at}`).join('\n'),
    'End',
  ].join('\n');
  const highs = await (loadHighs as unknown as typeof loadHighs.default)();
  const solved = highs.solve(model, { mip_rel_gap: 0, mip_abs_gap: 1e-7, time_limit: 60 });
  return solved.Status === 'Optimal' ? solved.ObjectiveValue : undefined;
}
