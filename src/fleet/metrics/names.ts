import type { GuestRecord, HostRecord } from '../fleet.js';

/** Finds the host or guest that a store means by a label's value. */
export interface Directory {
  /** Every name that is known, for a query that asks for these only. */
  readonly names: readonly string[];
  /** The id that belongs to a label's value; undefined if nobody, or more than one, goes by that name. */
  idOf(value: string): string | undefined;
}

/** Hosts by id, name or address; as Proxmox writes them (`node/a15`) and with the port of an `instance` label too. */
export function hostDirectory(hosts: readonly HostRecord[]): Directory {
  const names = byName(hosts, [({ id }) => [id], ({ name }) => [name], ({ addresses }) => addresses ?? []]);
  const known = (value: string) => names.get(value) ?? names.get(value.replace(/^\[(.*)\]$/, '$1'));
  return directory(names, 'node/', (value) => known(value) ?? known(value.replace(/:\d+$/, '')));
}

/** Guests by id or name; as Proxmox writes them (`qemu/100`) too. */
export function guestDirectory(guests: readonly GuestRecord[]): Directory {
  const names = byName(guests, [({ id }) => [id], ({ name }) => [name]]);
  return directory(names, 'qemu/', (value) => names.get(value));
}

/** A name that two go by. */
const AMBIGUOUS = Symbol('ambiguous');
type Names = Map<string, string | typeof AMBIGUOUS>;

function directory(
  names: Names,
  prefix: string,
  find: (value: string) => string | typeof AMBIGUOUS | undefined,
): Directory {
  return {
    names: [...names.keys()],
    idOf(value) {
      const found = find(value) ?? (value.startsWith(prefix) ? find(value.slice(prefix.length)) : undefined);
      return found === AMBIGUOUS ? undefined : found;
    },
  };
}

/** Ids before names before addresses: what stands earlier is not taken away by what comes later. */
function byName<T extends { id: string }>(records: readonly T[], kinds: readonly ((record: T) => string[])[]): Names {
  const names: Names = new Map();
  for (const kind of kinds) {
    const these: Names = new Map();
    for (const record of records) {
      for (const name of kind(record)) {
        if (name === '') continue;
        const other = these.get(name);
        these.set(name, other === undefined || other === record.id ? record.id : AMBIGUOUS);
      }
    }
    for (const [name, id] of these) if (!names.has(name)) names.set(name, id);
  }
  return names;
}
