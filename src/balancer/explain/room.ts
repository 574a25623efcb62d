import type { Guest, Host } from '../../fleet/fleet.js';
import {
  type PlanRule,
  cpuCeilingOf,
  cpuLoad,
  cpuScore,
  limitOn,
  memoryFloorOf,
  memoryScore,
  readingOf,
} from '../model/arithmetic.js';
import type { Constraints, Exclusion, RoomReason } from '../model/constraints.js';
import type { FleetIndex } from '../model/fleet-index.js';

const MIB = 1024 * 1024;

/** Room that is wanting on a host. */
export interface RoomGap {
  reason: RoomReason;
  /** By how much the limit is missed: %, bytes, or what the capacity counts; 0 on the limit itself. */
  missing: number;
  /** The same as a share of the host, so that CPU and memory can be compared. */
  share: number;
}

/** A guest of a source, by what it takes of a host, and which hosts it is kept from. */
export interface Demand {
  guest: Guest;
  source: Host;
  /** The number of its source: see the kinds of the constraints. */
  kind: number | undefined;
  only: readonly ReadonlySet<string>[];
  never: readonly ReadonlySet<string>[];
  /** % of one CPU. */
  cpu: number;
  /** Bytes. */
  memory: number;
  /** By capacity. */
  counted: number[];
}

/** What a guest of a source takes of a host by both metrics and of every capacity. */
export function demandOf(guest: Guest, source: Host, index: FleetIndex, constraints: Constraints): Demand {
  return {
    guest,
    source,
    kind: constraints.kinds[index.positionOf.get(source.id) ?? -1],
    ...constraints.targetsOf(guest),
    cpu: cpuLoad(readingOf(guest, 'cpu.usage_active') ?? 0, guest.vcpu_count),
    memory: memoryScore(guest.vmem_size),
    counted: constraints.capacities.map(({ demand }) => demand(guest)),
  };
}

/**
 * The room of every host in columns, with what is on its way and what a plan puts there: what the explanation measures
 * guests against. Exactly the formulas of
 * src/manual/en/design.md, "Arithmetic", guest by guest.
 */
export class FleetRoom {
  readonly index: FleetIndex;
  readonly rule: PlanRule;
  readonly constraints: Constraints;
  /** By host id: the guests that the plan puts there. */
  readonly #planned: ReadonlyMap<string, readonly Guest[]>;
  readonly #arriving: ReadonlySet<string>;
  readonly #cpu: Float64Array;
  /** Bytes. */
  readonly #available: Float64Array;
  readonly #left: readonly Float64Array[];

  /** @param planned - by host id, the guests that a plan puts there. */
  constructor(
    index: FleetIndex,
    rule: PlanRule,
    constraints: Constraints,
    planned: ReadonlyMap<string, readonly Guest[]> = new Map(),
  ) {
    this.index = index;
    this.rule = rule;
    this.constraints = constraints;
    this.#planned = planned;
    this.#arriving = new Set(constraints.arrivals.map(({ hostId }) => hostId));
    this.#cpu = index.cpu.map((value) => (Number.isNaN(value) ? 0 : value));
    this.#available = index.memoryOrGiven.map((bytes) => -bytes);
    this.#left = constraints.capacities.map(({ room, counts }) => (counts === 'together' ? room.slice() : room));
    for (const { guest, hostId } of constraints.arrivals) this.#addUp(guest, hostId, false);
    for (const [hostId, guests] of planned) for (const guest of guests) this.#addUp(guest, hostId, true);
  }

  #addUp(guest: Guest, hostId: string, isCounted: boolean): void {
    const at = this.index.positionOf.get(hostId);
    if (at === undefined) return;
    const cpu = cpuScore(readingOf(guest, 'cpu.usage_active') ?? 0, guest.vcpu_count, this.index.cpuCount[at]!);
    this.#cpu[at] = this.#cpu[at]! + cpu;
    this.#available[at] = this.#available[at]! - memoryScore(guest.vmem_size);
    // What is on its way is in the rooms of the capacities from the start.
    if (!isCounted) return;
    this.constraints.capacities.forEach(({ counts, demand }, c) => {
      if (counts === 'together') this.#left[c]![at] = this.#left[c]![at]! - demand(guest);
    });
  }

  /**
   * Why a guest does not go to the host at a position, room aside: also for what the plan puts there.
   * What has to be asked about is known of the guest, so that most hosts are settled by their number.
   */
  exclusion({ guest, source, kind, only, never }: Demand, at: number): Exclusion | undefined {
    const target = this.index.hosts[at]!;
    if (
      this.constraints.kinds[at] === kind &&
      only.every((set) => set.has(target.id)) &&
      !never.some((set) => set.has(target.id)) &&
      !this.#planned.has(target.id)
    ) {
      return undefined;
    }
    const excluded = this.constraints.pair(guest, source, target);
    if (excluded) return excluded;
    const there = this.#planned.get(target.id);
    if (!there) return undefined;
    for (const group of this.constraints.apartGroups(guest)) {
      const other = there.find((each) => each.id !== guest.id && this.constraints.apartGroups(each).includes(group));
      if (!other) continue;
      const text = `guest ${guest.name} is kept apart from ${other.name}, which goes there (${group.label})`;
      return { reason: 'kept_apart', text };
    }
    return undefined;
  }

  /** Whether a guest fits on the host at a position; cheap enough for every host of a fleet. */
  fits({ cpu, memory, counted }: Demand, at: number): boolean {
    const after = this.#cpu[at]! + cpu / this.index.cpuCount[at]!;
    const available = this.#available[at]! - memory;
    const limit = limitOn(this.index.hosts[at]!, this.rule);
    const hasRoom =
      this.rule.metric === 'cpu.usage_active'
        ? after < limit && available >= memoryFloorOf(this.rule)
        : available > limit && after <= cpuCeilingOf(this.rule);
    if (!hasRoom) return false;
    for (let c = 0; c < counted.length; c++) if (counted[c]! > this.#left[c]![at]!) return false;
    return true;
  }

  /** By how much a guest misses the host at a position in all, as a share of the host; 0 where it fits. The sum of its gaps. */
  distance({ cpu, memory, counted }: Demand, at: number): number {
    const limit = limitOn(this.index.hosts[at]!, this.rule);
    const isCpu = this.rule.metric === 'cpu.usage_active';
    const bytes = (this.index.hosts[at]!.mem_size || 1) * MIB;
    const points = this.#cpu[at]! + cpu / this.index.cpuCount[at]! - (isCpu ? limit : cpuCeilingOf(this.rule));
    const short = (isCpu ? memoryFloorOf(this.rule) : limit) - (this.#available[at]! - memory);
    let distance = Math.max(0, points / 100) + Math.max(0, short / bytes);
    for (let c = 0; c < counted.length; c++) {
      distance += Math.max(0, counted[c]! - this.#left[c]![at]!) / (counted[c]! || 1);
    }
    return distance;
  }

  /** By how much the watched metric alone would be missed, % or bytes; below 0 where it is not. */
  missingAt({ cpu, memory }: Demand, at: number): number {
    const limit = limitOn(this.index.hosts[at]!, this.rule);
    return this.rule.metric === 'cpu.usage_active'
      ? this.#cpu[at]! + cpu / this.index.cpuCount[at]! - limit
      : limit - (this.#available[at]! - memory);
  }

  /** Where a guest lacks room: the watched metric first, then the guard, then what was given out. Nothing if it fits. */
  gaps({ cpu, memory, counted }: Demand, at: number): RoomGap[] {
    const host = this.index.hosts[at]!;
    const limit = limitOn(host, this.rule);
    const after = this.#cpu[at]! + cpu / host.cpu_count;
    const available = this.#available[at]! - memory;
    const gaps: RoomGap[] = [];
    const ofCpu = (reason: RoomReason, missing: number) => gaps.push({ reason, missing, share: missing / 100 });
    const ofMemory = (reason: RoomReason, missing: number) =>
      gaps.push({ reason, missing, share: missing / ((host.mem_size || 1) * MIB) });
    const floor = memoryFloorOf(this.rule);
    const ceiling = cpuCeilingOf(this.rule);
    if (this.rule.metric === 'cpu.usage_active') {
      if (!(after < limit)) ofCpu('over_threshold', after - limit);
      if (!(available >= floor)) ofMemory('memory_floor', floor - available);
    } else {
      if (!(available > limit)) ofMemory('over_threshold', limit - available);
      if (!(after <= ceiling)) ofCpu('cpu_ceiling', after - ceiling);
    }
    this.constraints.capacities.forEach(({ reason }, c) => {
      const missing = counted[c]! - this.#left[c]![at]!;
      if (missing > 0) gaps.push({ reason, missing, share: missing / counted[c]! });
    });
    return gaps;
  }

  /**
   * A {@link RoomGap} with its numbers, in the form of the documents:
   * `host:H:current(1.000000) + guest:G:score(2.000000) >= threshold(3.000000)`.
   */
  text({ guest }: Demand, at: number, { reason }: RoomGap): string {
    const { metric, headroom = 0 } = this.rule;
    const host = this.index.hosts[at]!;
    const limit = `${headroom > 0 ? 'threshold with headroom' : 'threshold'}(${digits(limitOn(host, this.rule))})`;
    const cpu = digits(this.#cpu[at]!);
    const available = digits(this.#available[at]!);
    const ofCpu = digits(cpuScore(readingOf(guest, 'cpu.usage_active') ?? 0, guest.vcpu_count, host.cpu_count));
    const ofMemory = digits(memoryScore(guest.vmem_size));
    const its = `guest:${guest.name}`;
    const name = `host:${host.name}`;
    const where = this.#planned.has(host.id)
      ? `${name}:after the plan`
      : this.#arriving.has(host.id)
        ? `${name}:with what is on its way`
        : name;
    switch (reason) {
      case 'over_threshold':
        return metric === 'cpu.usage_active'
          ? `${where}:current(${cpu}) + ${its}:score(${ofCpu}) >= ${limit}`
          : `${where}:current(${available}) - ${its}:score(${ofMemory}) <= ${limit}`;
      case 'memory_floor':
        return `${where}:available(${available}) - ${its}:memory(${ofMemory}) < floor(${digits(memoryFloorOf(this.rule))})`;
      case 'cpu_ceiling':
        return `${where}:cpu(${cpu}) + ${its}:cpu(${ofCpu}) > ceiling(${digits(cpuCeilingOf(this.rule))})`;
      case 'too_few_cpus':
      case 'memory_allocation':
      case 'cpu_allocation': {
        const c = this.constraints.capacities.findIndex((each) => each.reason === reason);
        const said = this.constraints.capacities[c]?.text(guest, host, this.#left[c]![at]!) ?? reason;
        return `${where}: ${said}`;
      }
    }
  }
}

/** Six digits, as the documents print readings and scores. */
function digits(value: number): string {
  return value.toFixed(6);
}
