import { type Problem, isAllowed } from '../model/problem.js';

/** Fleets up to this many targets are searched as they are. */
const SMALL = 48;
/** For the first look this many targets are kept of each kind and by each measure. */
const FEW = 12;
/** For a thorough search. */
const MANY = 32;
/** More targets than this are never searched thoroughly. */
const MOST = 320;

/** A choice of targets, by index and in this order. */
export interface TargetSelection {
  targets: Int32Array;
  /** No plan of up to this many moves is better with a target that was left out. */
  exactUpTo: number;
}

function fitsAlone(problem: Problem, item: number, target: number): boolean {
  const it = problem.items[item]!;
  const { level, limit, size, guardLevel, guardLimit, guardSize } = problem.targets;
  return (
    level[target]! + it.load / size[target]! < limit[target]! &&
    guardLevel[target]! + it.guardLoad / guardSize[target]! <= guardLimit[target]! &&
    isAllowed(problem, item, target)
  );
}

/** The items that fit on some target by themselves. */
export function usableItems(problem: Problem, likely: Int32Array): Int32Array {
  const { usable } = problem.targets;
  const isUsable = (item: number): boolean => {
    for (const target of likely) if (fitsAlone(problem, item, target)) return true;
    if (likely.length === usable.length) return false;
    for (const target of usable) if (fitsAlone(problem, item, target)) return true;
    return false;
  };
  return Int32Array.from({ length: problem.items.length }, (_, item) => item).filter(isUsable);
}

/** Keeps the indices with the highest values, the first among equals; best first. */
class Highest {
  readonly indices: Int32Array;
  readonly #values: Float64Array;
  #size = 0;

  constructor(count: number) {
    this.indices = new Int32Array(count);
    this.#values = new Float64Array(count).fill(-Infinity);
  }

  get kept(): Int32Array {
    return this.indices.subarray(0, this.#size);
  }

  offer(index: number, value: number): void {
    const values = this.#values;
    let at = values.length - 1;
    if (value <= values[at]!) return;
    while (at > 0 && value > values[at - 1]!) {
      values[at] = values[at - 1]!;
      this.indices[at] = this.indices[at - 1]!;
      at--;
    }
    values[at] = value;
    this.indices[at] = index;
    if (this.#size < values.length) this.#size++;
  }
}

/** Rooms in terms of the items, which are the same on every target. */
function rooms({ targets }: Problem, target: number): { room: number; guardRoom: number } {
  return {
    room: (targets.limit[target]! - targets.level[target]!) * targets.size[target]!,
    guardRoom: (targets.guardLimit[target]! - targets.guardLevel[target]!) * targets.guardSize[target]!,
  };
}

/** The roomiest and the emptiest of each kind, and those that rules tie to single items. */
function best(problem: Problem, count: number): Int32Array {
  const { items, targets } = problem;
  const largest = Math.max(...items.map(({ load }) => load));
  const largestGuard = Math.max(...items.map(({ guardLoad }) => guardLoad)) || 1;
  const together = problem.capacities.filter(({ counts }) => counts === 'together');
  const most = together.map(({ demand }) => demand.reduce((a, b) => Math.max(a, b), 0) || 1);
  const kinds = new Map<number, Highest[]>();
  for (const target of targets.usable) {
    const kind = targets.kind[target]!;
    let lists = kinds.get(kind);
    if (!lists) kinds.set(kind, (lists = Array.from({ length: 5 + together.length }, () => new Highest(count))));
    const { room, guardRoom } = rooms(problem, target);
    const emptiness = -targets.level[target]!;
    lists[0]!.offer(target, emptiness);
    lists[1]!.offer(target, room);
    lists[2]!.offer(target, guardRoom);
    const shares = together.map((capacity, at) => capacity.room[target]! / most[at]!);
    lists[3]!.offer(target, Math.min(room / largest, guardRoom / largestGuard, ...shares));
    const takesAll = room > largest && guardRoom >= largestGuard && shares.every((share) => share >= 1);
    if (takesAll) lists[4]!.offer(target, emptiness);
    shares.forEach((share, at) => lists[5 + at]!.offer(target, share));
  }
  const kept = new Set<number>();
  for (const lists of kinds.values()) for (const list of lists) for (const index of list.kept) kept.add(index);
  return Int32Array.from(kept).sort();
}

function everything(problem: Problem): TargetSelection {
  return { targets: problem.targets.usable, exactUpTo: Infinity };
}

/** A few targets, which are as a rule enough. */
export function fewTargets(problem: Problem): TargetSelection {
  if (problem.targets.usable.length <= SMALL) return everything(problem);
  return { targets: best(problem, FEW), exactUpTo: 0 };
}

/**
 * The targets that can matter: one that has no more room than each of several others, in either dimension, is never
 * needed by a plan with as few moves as those are.
 */
export function manyTargets(problem: Problem): TargetSelection {
  const { usable } = problem.targets;
  if (usable.length <= MANY * 5) return everything(problem);
  const needed = Math.min(problem.items.length, MANY);
  const tied = new Set<number>();
  for (const sets of [problem.forbidden, problem.only]) {
    for (const targets of new Set(sets.values())) for (const target of targets) tied.add(target);
  }
  const kept = new Set<number>([...best(problem, MANY), ...tied]);
  const dominators = [...kept].filter((target) => !tied.has(target)).map((target) => dominator(problem, target));
  for (const target of usable) {
    if (kept.has(target)) continue;
    const it = dominator(problem, target);
    let better = 0;
    for (let n = 0; n < dominators.length && better < needed; n++) {
      const other = dominators[n]!;
      if (other.kind === it.kind && other.rooms.every((room, at) => room >= it.rooms[at]!)) better++;
    }
    if (better >= needed) continue;
    if (kept.size >= MOST) return { targets: Int32Array.from(kept).sort(), exactUpTo: 0 };
    kept.add(target);
    dominators.push(it);
  }
  return { targets: Int32Array.from(kept).sort(), exactUpTo: needed };
}

function dominator(problem: Problem, target: number) {
  const { room, guardRoom } = rooms(problem, target);
  const capacities = problem.capacities.map((capacity) => capacity.room[target]!);
  return { kind: problem.targets.kind[target]!, rooms: [room, guardRoom, ...capacities] };
}
