import type { ApartGroup } from '../balancer/index.js';
import type { Guest } from '../fleet/fleet.js';
import type { Rule } from '../rules/rule.js';

/** A tag by which guests are grouped: each of its values is a group, or the one value given. */
interface GroupTag {
  name: string;
  value?: string;
}

const NONE: readonly ApartGroup[] = [];

/** The groups of guests that a rule and the cloud name, looked up guest by guest. */
export class GroupLookup {
  /** By id or name. */
  readonly #byReference = new Map<string, ApartGroup[]>();
  readonly #tags: readonly GroupTag[];
  readonly #byLabel = new Map<string, ApartGroup>();

  /**
   * @param keys - lists of guests by id or name, and tags, as a rule has them.
   * @param cloudTag - the tag of the cloud that says the same.
   */
  constructor(keys: Rule['keepApart'], cloudTag: string) {
    const tags: GroupTag[] = [];
    for (const key of keys) {
      if (Array.isArray(key)) {
        const group = { label: key.join(', ') };
        for (const reference of new Set(key)) {
          this.#byReference.set(reference, [...(this.#byReference.get(reference) ?? []), group]);
        }
      } else {
        const at = key.tag.indexOf('=');
        tags.push(at < 0 ? { name: key.tag } : { name: key.tag.slice(0, at), value: key.tag.slice(at + 1) });
      }
    }
    this.#tags = [...tags, { name: cloudTag }];
  }

  /** The groups that a guest belongs to; the same object for each of a group. */
  groupsOf({ id, name, tags }: Guest): readonly ApartGroup[] {
    const byId = this.#byReference.get(id) ?? NONE;
    const byName = name === id ? NONE : (this.#byReference.get(name) ?? NONE);
    if (!tags) return byName.length === 0 ? byId : [...new Set([...byId, ...byName])];
    const groups = new Set([...byId, ...byName]);
    for (const tag of this.#tags) {
      const value = tags[tag.name];
      if (value === undefined || (tag.value !== undefined && tag.value !== value)) continue;
      groups.add(this.#labelled(value === '' ? tag.name : `${tag.name}=${value}`));
    }
    return [...groups];
  }

  /** Guests by the groups that they belong to. */
  members(guests: readonly Guest[]): Map<ApartGroup, Guest[]> {
    const members = new Map<ApartGroup, Guest[]>();
    for (const guest of guests) {
      for (const group of this.groupsOf(guest)) members.set(group, [...(members.get(group) ?? []), guest]);
    }
    return members;
  }

  #labelled(label: string): ApartGroup {
    let group = this.#byLabel.get(label);
    if (!group) this.#byLabel.set(label, (group = { label }));
    return group;
  }
}
