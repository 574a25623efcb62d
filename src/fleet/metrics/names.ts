import { shortName } from '../find-host.js';
import type { GuestRecord, HostRecord } from '../fleet.js';

/** Whom a store means by a label's value. */
export interface Meant {
  id: string;
  /**
   * Only there where a short name stands for a full one or the other way round: the name as the store has it, without port.
   * Where two of them fit one host (`a15.one` and `a15.two` the host `a15`), neither is known to be that host.
   */
  alike?: string;
}

/** Finds the host or guest that a store means by a label's value. */
export interface Directory {
  /** Every name that is known, for a query that asks for these only. */
  readonly names: readonly string[];
  /** Whom a label's value means; undefined if nobody, or more than one, goes by that name. */
  find(value: string): Meant | undefined;
}

/** Hosts by id, name or address; as Proxmox writes them (`node/a15`) and with the port of an `instance` label too; short or full. */
export function hostDirectory(hosts: readonly HostRecord[]): Directory {
  const names = byName(hosts, [({ id }) => [id], ({ name }) => [name], ({ addresses }) => addresses ?? []]);
  const isFull = ({ name }: HostRecord) => name.includes('.');
  const fullByShort = byName(hosts, [(host) => (isFull(host) ? [shortName(host.name) ?? ''] : [])]);
  const short = byName(hosts, [(host) => (isFull(host) ? [] : [host.name])]);

  const known = (value: string) => names.get(value) ?? names.get(value.replace(/^\[(.*)\]$/, '$1'));
  const exactly = (value: string) => known(value) ?? known(withoutPort(value));
  const alike = (value: string): Found => {
    const name = withoutPort(value);
    return name.includes('.') ? short.get(shortName(name) ?? '') : fullByShort.get(name);
  };
  return {
    names: [...new Set([...names.keys(), ...fullByShort.keys()])],
    find(value) {
      const bare = value.startsWith('node/') ? value.slice('node/'.length) : value;
      const found = exactly(value) ?? exactly(bare);
      return found === undefined ? meant(alike(bare), withoutPort(bare)) : meant(found);
    },
  };
}

/** Guests by id or name; as Proxmox writes them (`qemu/100`, or only `100`) too. */
export function guestDirectory(guests: readonly GuestRecord[]): Directory {
  const number = ({ id }: GuestRecord) => (id.startsWith('qemu/') ? [id.slice('qemu/'.length)] : []);
  const names = byName(guests, [({ id }) => [id], ({ name }) => [name], number]);
  return {
    names: [...names.keys()],
    find: (value) =>
      meant(names.get(value) ?? (value.startsWith('qemu/') ? names.get(value.slice('qemu/'.length)) : undefined)),
  };
}

/** A name that two go by. */
const AMBIGUOUS = Symbol('ambiguous');
type Found = string | typeof AMBIGUOUS | undefined;
type Names = Map<string, string | typeof AMBIGUOUS>;

function meant(found: Found, alike?: string): Meant | undefined {
  if (found === undefined || found === AMBIGUOUS) return undefined;
  return alike === undefined ? { id: found } : { id: found, alike };
}

function withoutPort(value: string): string {
  return value.replace(/:\d+$/, '');
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
