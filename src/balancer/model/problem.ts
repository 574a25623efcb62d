import type { Guest, Host, MetricName } from '../../fleet/fleet.js';

/**
 * What the search works on: plain numbers in which both metrics look alike.
 *
 * A *level* must stay under its limit and rises with what a host takes on: the CPU reading in % for a CPU rule, the
 * available memory in bytes with its sign turned for a memory rule. An item puts `load / size` on a host, `size`
 * being the host's CPUs, or 1 for memory. The guard is the same for the other metric. Every rule that limits a plan
 * is here: a new one changes how a problem is built, not how it is solved.
 */
export interface Problem {
  metric: MetricName;
  /** The alerting hosts that are past the threshold, in the order asked for; then those that are relieved before they alert. */
  sources: readonly ProblemSource[];
  /** What may move; by source, then by id. */
  items: readonly Item[];
  /** Where to; by host id. */
  targets: Targets;
  /** Targets that single items may not go to: item index to target indices. */
  forbidden: ReadonlyMap<number, ReadonlySet<number>>;
  /** Items that may only go to some targets: item index to target indices. */
  only: ReadonlyMap<number, ReadonlySet<number>>;
  /** Groups of items of which no two may end on one target, by item index. */
  apart: readonly (readonly number[])[];
  /** What items take of targets besides, whole numbers. */
  capacities: readonly ProblemCapacity[];
  /** What separates two sums of readings from each other; rounding stays below, 0 where sums are exact. */
  tolerance: number;
  guardTolerance: number;
}

export interface ProblemSource {
  host: Host;
  level: number;
  /** The rule's threshold as a level. */
  threshold: number;
  /** The source is cleared once its level is strictly under this: the threshold, or less by the headroom. */
  limit: number;
  /** Hosts of one kind (type and architecture) have one number. */
  kind: number;
  /** It does not alert: its guests move only where that prevents more overload than it costs, and nothing of it has to go. */
  preventive?: true;
}

/** Something that targets have a number of: an item fits where it takes no more than there is. */
export interface ProblemCapacity {
  /** Whether the items on a target count together, or each by itself. */
  counts: 'together' | 'each';
  /** By item. */
  demand: Float64Array;
  /** By target. */
  room: Float64Array;
}

/** What moves as one: as a rule a single guest. */
export interface Item {
  guests: readonly Guest[];
  /** Index into the sources. */
  source: number;
  load: number;
  guardLoad: number;
  /** How far the source's level falls when the item leaves. */
  relief: number;
  /** vmem_size in MiB + 1024, for each guest. */
  price: number;
}

/** The fleet in columns, of which some hosts may be targets; a target is named by its place in them. */
export interface Targets {
  readonly hosts: readonly Host[];
  /** The hosts that may take at least the least item; the columns of all others mean nothing. */
  readonly usable: Int32Array;
  readonly kind: Int32Array;
  readonly level: Float64Array;
  /** The level must stay strictly under this. */
  readonly limit: Float64Array;
  readonly size: Float64Array;
  readonly guardLevel: Float64Array;
  /** The guard's level must not rise over this. */
  readonly guardLimit: Float64Array;
  readonly guardSize: Float64Array;
}

/** One item on its way. Indices into the problem's items and targets. */
export interface Move {
  item: number;
  target: number;
}

/** The price of a move beside its memory, MiB. */
export const MOVE_PRICE = 1024;

/** Whether an item may go to a target at all, whatever its readings. */
export function isAllowed(problem: Problem, item: number, target: number): boolean {
  const from = problem.sources[problem.items[item]?.source ?? -1];
  if (from?.kind !== problem.targets.kind[target] || problem.forbidden.get(item)?.has(target)) return false;
  const only = problem.only.get(item);
  if (only && !only.has(target)) return false;
  return problem.capacities.every(({ demand, room }) => demand[item]! <= room[target]!);
}

/** Whether a level leaves a source strictly within its threshold, however its sum was rounded. */
export function isCleared(problem: Problem, source: ProblemSource, level: number): boolean {
  return level < source.limit - problem.tolerance;
}

/** The same problem with the alerting sources alone; its items keep their places. */
export function alertingPart(problem: Problem): Problem {
  const sources = problem.sources.filter(({ preventive }) => !preventive);
  if (sources.length === problem.sources.length) return problem;
  const items = problem.items.filter(({ source }) => source < sources.length);
  const apart = problem.apart
    .map((members) => members.filter((item) => item < items.length))
    .filter(({ length }) => length > 1);
  return { ...problem, sources, items, apart };
}

/** What a set of moves comes to. */
export interface Evaluation {
  /** Every alerting source strictly within its threshold. */
  cleared: boolean;
  /** The part of the alerting sources' excess that is gone, in the unit of the level. */
  removed: number;
  price: number;
  /** Guests moved. */
  moves: number;
  /** The highest level of a target that takes something; -Infinity without moves. */
  peak: number;
  /** By source. */
  sourceLevels: number[];
  /** By target. */
  targetLevels: Map<number, number>;
}

/**
 * Adds up a set of moves in the order given, as a reader of the plan would.
 * @param moves - indices must be valid for the problem.
 */
export function evaluate(problem: Problem, moves: readonly Move[]): Evaluation {
  const sourceLevels = problem.sources.map(({ level }) => level);
  const targetLevels = new Map<number, number>();
  let price = 0;
  let count = 0;
  for (const { item: index, target } of moves) {
    const item = problem.items[index];
    const { level, size } = problem.targets;
    if (!item || level[target] === undefined) throw new RangeError(`no such move: item ${index}, target ${target}`);
    sourceLevels[item.source] = (sourceLevels[item.source] ?? 0) - item.relief;
    targetLevels.set(target, (targetLevels.get(target) ?? level[target]) + item.load / size[target]!);
    price += item.price;
    count += item.guests.length;
  }
  let removed = 0;
  let cleared = true;
  problem.sources.forEach((source, index) => {
    if (source.preventive) return;
    const level = sourceLevels[index] ?? source.level;
    removed += source.level - Math.max(level, source.limit);
    cleared &&= isCleared(problem, source, level);
  });
  const peak = Math.max(-Infinity, ...targetLevels.values());
  return { cleared, removed, price, moves: count, peak, sourceLevels, targetLevels };
}
