import { type Move, type Problem, isAllowed } from '../model/problem.js';
import type { HostRisks } from './host-risks.js';

/** What a point of an alerting host's excess is worth, and that all of it goes, GiB: more than any price. */
const EXCESS_WORTH = 1e4;
/** Targets that are tried for a guest: those with the least risk of all that have room. */
const LEAST_RISKY = 8;
/** How often each move is looked at again. */
const ROUNDS = 6;
/** What values may differ by without one being better, GiB. */
const ALIKE = 1e-9;
const MIB_PER_GIB = 1024;

/** What a move is judged by. */
export interface Stakes {
  risks: HostRisks;
  /** By item: the row of its guest. */
  rowOf: Int32Array;
  /** What it is worth to take a host from certainly overloaded to certainly not, GiB. */
  worth: number;
  /** A level over this is points. By source. */
  pointsOf: Float64Array;
}

interface Candidate {
  item: number;
  target: number;
  /** What the move is worth more than its price, GiB. */
  value: number;
  /** Value by the root of the price: what moves are taken in the order of. */
  score: number;
}

/**
 * Looks for the moves that prevent most overload for their price: the sum of prices and of worth × risk over all hosts is to be
 * least, the excess of the alerting hosts before both. Takes the best move until none gains, then looks at each again.
 * The risks are left as they are after the moves.
 */
export class RiskSearch {
  readonly #problem: Problem;
  readonly #stakes: Stakes;
  /** By source: the position of its host. */
  readonly #hostOf: Int32Array;
  /** By host position: its source, or -1. */
  readonly #sourceOf: Int32Array;
  readonly #itemsOf: readonly number[][];
  /** GiB, by item. */
  readonly #price: Float64Array;
  readonly #targetOf: Int32Array;
  readonly #sourceLevel: Float64Array;
  readonly #level: Float64Array;
  readonly #guardLevel: Float64Array;
  /** By host: items that come to it, and items that leave it. No host does both. */
  readonly #taken: Int32Array;
  readonly #left: Int32Array;
  readonly #rooms: readonly Float64Array[];
  readonly #groupsOf: ReadonlyMap<number, readonly number[]>;
  /** How many of a group go to a target. */
  readonly #grouped = new Map<string, number>();
  /** By kind: targets, the least risky first. */
  readonly #order = new Map<number, number[]>();
  readonly #urgency: Float64Array;
  /** By item: the risk of its host without it; NaN where it has to be worked out anew. */
  readonly #without: Float64Array;

  /** By host: how often its guests were changed for good; by item: what the sum of its two hosts was when it was looked at. */
  readonly #version: Float64Array;
  readonly #seen = new Map<number, number>();

  constructor(problem: Problem, stakes: Stakes) {
    const { sources, items, targets, capacities, apart } = problem;
    this.#problem = problem;
    this.#stakes = stakes;
    const positionOf = new Map(targets.hosts.map((host, position) => [host, position]));
    this.#hostOf = Int32Array.from(sources, ({ host }) => positionOf.get(host)!);
    this.#sourceOf = new Int32Array(targets.hosts.length).fill(-1);
    this.#hostOf.forEach((host, source) => (this.#sourceOf[host] = source));
    const itemsOf = sources.map((): number[] => []);
    items.forEach(({ source }, item) => itemsOf[source]!.push(item));
    this.#itemsOf = itemsOf;
    this.#price = Float64Array.from(items, ({ price }) => price / MIB_PER_GIB);
    this.#targetOf = new Int32Array(items.length).fill(-1);
    this.#sourceLevel = Float64Array.from(sources, ({ level }) => level);
    this.#level = targets.level.slice();
    this.#guardLevel = targets.guardLevel.slice();
    this.#taken = new Int32Array(targets.hosts.length);
    this.#left = new Int32Array(targets.hosts.length);
    this.#version = new Float64Array(targets.hosts.length);
    this.#rooms = capacities.map(({ room }) => room.slice());
    const groupsOf = new Map<number, number[]>();
    apart.forEach((members, group) => {
      for (const item of members) groupsOf.set(item, [...(groupsOf.get(item) ?? []), group]);
    });
    this.#groupsOf = groupsOf;
    this.#urgency = Float64Array.from(targets.hosts, (_, host) => stakes.risks.urgency(host));
    for (const target of targets.usable) {
      const kind = targets.kind[target]!;
      const list = this.#order.get(kind);
      if (list) list.push(target);
      else this.#order.set(kind, [target]);
    }
    for (const list of this.#order.values()) list.sort((a, b) => this.#urgency[a]! - this.#urgency[b]! || a - b);
    this.#without = new Float64Array(items.length).fill(Number.NaN);
  }

  /** The moves as they stand. */
  get moves(): Move[] {
    return Array.from(this.#targetOf, (target, item) => ({ item, target })).filter(({ target }) => target >= 0);
  }

  /** Begins anew, with moves that are given. */
  start(moves: readonly Move[]): void {
    for (const { item } of this.moves) this.#takeBack(item);
    this.#seen.clear();
    for (const { item, target } of moves) this.#take(item, target);
  }

  /** Takes moves as long as one gains, and looks again at each that was taken. */
  run(): void {
    this.#fill();
    for (let round = 0; round < ROUNDS; round++) {
      const isChanged = this.#lookAgain();
      if (!isChanged) return;
      this.#fill();
    }
  }

  /** Takes the move of the best score until none is worth its price. */
  #fill(): void {
    const count = this.#itemsOf.length;
    const best = new Array<Candidate | undefined>(count);
    const scores = new Float64Array(count);
    const isStale = new Uint8Array(count);
    const look = (source: number) => {
      isStale[source] = 0;
      best[source] = this.#bestOf(source);
      scores[source] = best[source]?.score ?? 0;
    };
    for (let source = 0; source < count; source++) look(source);
    for (;;) {
      let source = 0;
      for (let each = 1; each < count; each++) if (scores[each]! > scores[source]!) source = each;
      const found = best[source];
      if (!found) return;
      if (isStale[source] === 1) {
        // Targets only fill up, so that a score can only have fallen.
        look(source);
        continue;
      }
      this.#take(found.item, found.target);
      this.#version[this.#hostOf[source]!]! += 1;
      this.#version[found.target]! += 1;
      isStale.fill(1);
      look(source);
      const other = this.#sourceOf[found.target]!;
      if (other >= 0) look(other);
    }
  }

  /**
   * Takes each move back once and keeps the best of without it, another of the same host, and itself. What was looked at is left
   * alone until something else comes to one of its hosts or leaves it.
   */
  #lookAgain(): boolean {
    let isChanged = false;
    for (const { item, target } of this.moves) {
      const host = this.#hostOf[this.#problem.items[item]!.source]!;
      const version = () => this.#version[host]! + this.#version[target]!;
      if (this.#seen.get(item) === version()) continue;
      this.#takeBack(item);
      const itself = this.#candidate(item, target);
      const other = this.#bestOf(this.#problem.items[item]!.source, 'value');
      const keep = itself && !(other && other.value > itself.value + ALIKE) ? itself : other;
      if (keep && keep.value > ALIKE) this.#take(keep.item, keep.target);
      if (keep === itself) {
        this.#seen.set(item, version());
        continue;
      }
      isChanged = true;
      for (const changed of [host, target, keep?.target ?? target]) this.#version[changed]! += 1;
    }
    return isChanged;
  }

  /** The best move of a host's guests; undefined where none is worth its price. */
  #bestOf(source: number, by: 'score' | 'value' = 'score'): Candidate | undefined {
    const host = this.#hostOf[source]!;
    const { worth, risks } = this.#stakes;
    if (this.#shortfall(source, this.#sourceLevel[source]!) === 0 && worth * risks.risk(host) <= 1) return undefined;
    if (this.#taken[host]! > 0) return undefined;
    let best: Candidate | undefined;
    for (const item of this.#itemsOf[source]!) {
      if (this.#targetOf[item]! >= 0) continue;
      const most = this.#leavingValue(item);
      const scale = by === 'score' ? 1 / Math.sqrt(this.#price[item]!) : 1;
      if (most <= 0 || most * scale <= (best?.[by] ?? 0)) continue;
      const found = this.#bestTarget(item, most);
      if (found && found.value > 0 && found[by] > (best?.[by] ?? 0)) best = found;
    }
    return best;
  }

  /** The target that a move gains most with, of the least risky ones. */
  #bestTarget(item: number, leaving: number): Candidate | undefined {
    const { sources, items } = this.#problem;
    const { source } = items[item]!;
    let tried = 0;
    let best = -1;
    let value = -Infinity;
    for (const target of this.#order.get(sources[source]!.kind) ?? []) {
      if (!this.#hasRoom(item, target)) continue;
      const its = leaving - this.#arrivingCost(item, target);
      if (its > value) {
        best = target;
        value = its;
      }
      if (++tried === LEAST_RISKY) break;
    }
    return best < 0 ? undefined : this.#judged(item, best, value);
  }

  #candidate(item: number, target: number): Candidate | undefined {
    if (!this.#hasRoom(item, target)) return undefined;
    return this.#judged(item, target, this.#leavingValue(item) - this.#arrivingCost(item, target));
  }

  #judged(item: number, target: number, value: number): Candidate {
    return { item, target, value, score: value / Math.sqrt(this.#price[item]!) };
  }

  /** What it is worth that a guest leaves, wherever it goes, less its price. GiB. */
  #leavingValue(item: number): number {
    const { risks, rowOf, worth } = this.#stakes;
    const { source, relief } = this.#problem.items[item]!;
    const host = this.#hostOf[source]!;
    if (Number.isNaN(this.#without[item]!)) this.#without[item] = risks.riskWithout(host, rowOf[item]!);
    const level = this.#sourceLevel[source]!;
    const removed = this.#shortfall(source, level) - this.#shortfall(source, level - relief);
    return worth * (risks.risk(host) - this.#without[item]!) + EXCESS_WORTH * removed - this.#price[item]!;
  }

  /** What of an alerting host's level has to go still, points, and one more as long as it is not cleared; 0 once it is. */
  #shortfall(source: number, level: number): number {
    const { limit, preventive } = this.#problem.sources[source]!;
    if (preventive || level < limit - this.#problem.tolerance) return 0;
    return 1 + Math.max(0, level - limit) * this.#stakes.pointsOf[source]!;
  }

  #arrivingCost(item: number, target: number): number {
    const { risks, rowOf, worth } = this.#stakes;
    return worth * (risks.riskWith(target, rowOf[item]!) - risks.risk(target));
  }

  #hasRoom(item: number, target: number): boolean {
    const { items, targets, capacities, tolerance, guardTolerance } = this.#problem;
    const { load, guardLoad, source } = items[item]!;
    if (this.#hostOf[source] === target || this.#left[target]! > 0) return false;
    const isAlone = this.#taken[target] === 0;
    const level = this.#level[target]! + load / targets.size[target]!;
    if (!(level < targets.limit[target]! - (isAlone ? 0 : tolerance))) return false;
    const guard = this.#guardLevel[target]! + guardLoad / targets.guardSize[target]!;
    if (!(guard <= targets.guardLimit[target]! - (isAlone ? 0 : guardTolerance))) return false;
    if (!isAllowed(this.#problem, item, target)) return false;
    const groups = this.#groupsOf.size > 0 ? this.#groupsOf.get(item) : undefined;
    if (groups?.some((group) => (this.#grouped.get(`${group} ${target}`) ?? 0) > 0)) return false;
    for (let c = 0; c < capacities.length; c++) {
      const { demand, counts } = capacities[c]!;
      if (counts === 'together' && demand[item]! > this.#rooms[c]![target]!) return false;
    }
    return true;
  }

  #take(item: number, target: number): void {
    this.#targetOf[item] = target;
    this.#move(item, target, 1);
  }

  #takeBack(item: number): void {
    const target = this.#targetOf[item]!;
    this.#targetOf[item] = -1;
    this.#move(item, target, -1);
  }

  #move(item: number, target: number, sign: 1 | -1): void {
    const { items, targets, capacities } = this.#problem;
    const { source, relief, load, guardLoad } = items[item]!;
    const { risks, rowOf } = this.#stakes;
    const host = this.#hostOf[source]!;
    this.#sourceLevel[source]! -= sign * relief;
    this.#level[target]! += (sign * load) / targets.size[target]!;
    this.#guardLevel[target]! += (sign * guardLoad) / targets.guardSize[target]!;
    this.#taken[target]! += sign;
    this.#left[host]! += sign;
    capacities.forEach(({ counts, demand }, c) => {
      if (counts === 'together') this.#rooms[c]![target]! -= sign * demand[item]!;
    });
    for (const group of this.#groupsOf.get(item) ?? []) {
      const key = `${group} ${target}`;
      this.#grouped.set(key, (this.#grouped.get(key) ?? 0) + sign);
    }
    risks.change(host, rowOf[item]!, sign === 1 ? -1 : 1);
    risks.change(target, rowOf[item]!, sign);
    for (const changed of [host, target]) {
      risks.settle(changed);
      this.#reorder(changed);
    }
    for (const each of [source, this.#sourceOf[target]!]) {
      if (each >= 0) for (const other of this.#itemsOf[each]!) this.#without[other] = Number.NaN;
    }
  }

  /** Puts a target where its risk belongs now. */
  #reorder(target: number): void {
    const list = this.#order.get(this.#problem.targets.kind[target]!);
    const at = list ? this.#place(list, target) : -1;
    this.#urgency[target] = this.#stakes.risks.urgency(target);
    if (list?.[at] !== target) return;
    list.splice(at, 1);
    list.splice(this.#place(list, target), 0, target);
  }

  /** Where a target stands in its list, or would. */
  #place(list: readonly number[], target: number): number {
    const urgency = this.#urgency[target]!;
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = list[middle]!;
      const before = this.#urgency[other]! - urgency || other - target;
      if (before < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
