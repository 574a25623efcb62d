/** What an item asks of a target: rooms are in the item's own units, which are the same on every target. */
export interface RoomQuery {
  readonly load: number;
  readonly guardLoad: number;
  /** Whether a target that has the room is to be taken. */
  readonly accepts: (leaf: number) => boolean;
}

/**
 * Targets of one kind under a segment tree: each node knows the most room below it in either metric, the least that is
 * left over and the lowest level, so that a target for an item is found without a look at all of them.
 */
export class RoomTree {
  /** Nodes looked at so far: what the search has cost. */
  work = 0;
  readonly #leaves: number;
  readonly #room: Float64Array;
  readonly #guardRoom: Float64Array;
  readonly #leftover: Float64Array;
  readonly #level: Float64Array;
  readonly #size: Float64Array;
  #best = -1;
  #bestValue = Infinity;

  /** @param count - of the targets; all are without room until they are {@link set}. */
  constructor(count: number) {
    let leaves = 1;
    while (leaves < count) leaves *= 2;
    this.#leaves = leaves;
    const column = (value: number) => new Float64Array(2 * leaves).fill(value);
    this.#room = column(-Infinity);
    this.#guardRoom = column(-Infinity);
    this.#leftover = column(Infinity);
    this.#level = column(Infinity);
    this.#size = column(0);
  }

  /**
   * Writes down a target.
   * @param leftover - one number for its room in both metrics.
   * @param size - what a load is divided by to become a level.
   */
  set(leaf: number, room: number, guardRoom: number, leftover: number, level: number, size: number): void {
    let at = this.#leaves + leaf;
    this.#room[at] = room;
    this.#guardRoom[at] = guardRoom;
    this.#leftover[at] = leftover;
    this.#level[at] = level;
    this.#size[at] = size;
    for (at >>= 1; at > 0; at >>= 1) {
      const a = 2 * at;
      const b = a + 1;
      this.#room[at] = Math.max(this.#room[a]!, this.#room[b]!);
      this.#guardRoom[at] = Math.max(this.#guardRoom[a]!, this.#guardRoom[b]!);
      this.#leftover[at] = Math.min(this.#leftover[a]!, this.#leftover[b]!);
      this.#level[at] = Math.min(this.#level[a]!, this.#level[b]!);
      this.#size[at] = Math.max(this.#size[a]!, this.#size[b]!);
    }
  }

  /** The target that is left with the least room (best fit); -1 if none takes the item. */
  snuggest(query: RoomQuery): number {
    this.#best = -1;
    this.#bestValue = Infinity;
    this.#snuggest(1, query);
    return this.#best;
  }

  /** The target that ends at the lowest level; -1 if none takes the item and ends under `under`. */
  lowest(query: RoomQuery, under = Infinity): number {
    this.#best = -1;
    this.#bestValue = under;
    this.#lowest(1, query);
    return this.#best;
  }

  #snuggest(node: number, query: RoomQuery): void {
    this.work++;
    if (this.#room[node]! < query.load || this.#guardRoom[node]! < query.guardLoad) return;
    if (this.#leftover[node]! >= this.#bestValue) return;
    if (node >= this.#leaves) {
      if (!query.accepts(node - this.#leaves)) return;
      this.#best = node - this.#leaves;
      this.#bestValue = this.#leftover[node]!;
      return;
    }
    const isLeft = this.#leftover[2 * node]! <= this.#leftover[2 * node + 1]!;
    this.#snuggest(isLeft ? 2 * node : 2 * node + 1, query);
    this.#snuggest(isLeft ? 2 * node + 1 : 2 * node, query);
  }

  #lowest(node: number, query: RoomQuery): void {
    this.work++;
    if (this.#room[node]! < query.load || this.#guardRoom[node]! < query.guardLoad) return;
    const value = this.#level[node]! + query.load / this.#size[node]!;
    if (!(value < this.#bestValue)) return;
    if (node >= this.#leaves) {
      if (!query.accepts(node - this.#leaves)) return;
      this.#best = node - this.#leaves;
      this.#bestValue = value;
      return;
    }
    const isLeft = this.#level[2 * node]! <= this.#level[2 * node + 1]!;
    this.#lowest(isLeft ? 2 * node : 2 * node + 1, query);
    this.#lowest(isLeft ? 2 * node + 1 : 2 * node, query);
  }
}
