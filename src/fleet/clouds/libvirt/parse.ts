import { FleetError } from '../../fleet.js';

/** What a host is. */
export interface HostFacts {
  hostname: string;
  uuid: string;
  architecture: string;
  cpuModel: string;
  /** Whether guests can run with hardware's help, rather than emulated. */
  kvm: boolean;
  cpuCount: number;
  /** MiB. */
  memoryMiB: number;
}

/** A guest as one host's daemon tells of it. */
export interface Domain {
  uuid: string;
  name: string;
  /** A word of {@link stateWord}. */
  state: string;
  /** A copy of a guest that is just being taken in from another host. */
  incoming: boolean;
  vcpus: number;
  /** MiB. */
  memoryMiB: number;
  /** Resident memory of its emulator, MiB: what the host would get back. Absent where libvirt does not tell. */
  heldMiB?: number;
}

/** A job on a guest, from `domjobinfo`. */
export interface Job {
  /** In libvirt's words, such as "Outgoing migration"; empty where libvirt does not tell. */
  operation: string;
  /** %; absent until something has been copied. */
  progress?: number;
  /** Since it began, ms. */
  elapsedMs?: number;
}

const STATES = ['no state', 'running', 'running', 'paused', 'in shutdown', 'shut off', 'crashed', 'pmsuspended'];
/** Of a paused domain: it migrates, either way. */
const PAUSED_MIGRATION = '2';

/** `key: value` lines, as nodeinfo, nodememstats, nodecpustats and domjobinfo print them. */
function fields(text: string): Map<string, string> {
  const pairs = text.matchAll(/^([^:\n]+?)\s*:\s*(.*?)\s*$/gm);
  return new Map([...pairs].map(([, key, value]) => [key ?? '', value ?? '']));
}

/** A number with a unit that is known, or of none. */
function amount(found: Map<string, string>, key: string, command: string): number {
  const value = Number.parseFloat(found.get(key) ?? '');
  if (Number.isFinite(value) && value >= 0) return value;
  throw new FleetError(
    'libvirt',
    `${command}: expected a number as "${key}", got ${JSON.stringify(found.get(key) ?? '')}`,
  );
}

/**
 * What a host is, from the outputs of `hostname`, `nodeinfo`, `nodememstats` and `capabilities`.
 * @throws FleetError that names the command whose output is not what it should be.
 */
export function parseHostFacts(hostname: string, nodeinfo: string, memstats: string, capabilities: string): HostFacts {
  const info = fields(nodeinfo);
  // The daemon tells the memory of the machine in nodeinfo, in nodememstats what its host has of it.
  const memoryKiB = memstats.trim() === '' ? amount(info, 'Memory size', 'nodeinfo') : parseMemory(memstats).totalKiB;
  // Printed by libvirt itself, always in this form.
  const host = /<host>(.*?)<\/host>/s.exec(capabilities)?.[1] ?? '';
  const within = (element: string) => new RegExp(`<${element}>([^<]+)</${element}>`).exec(host)?.[1] ?? '';
  const architecture = within('arch');
  if (architecture === '') throw new FleetError('libvirt', 'capabilities: expected <host> with <arch>');
  const guests = capabilities.split('<guest>').filter((guest) => guest.includes(`<arch name='${architecture}'>`));
  return {
    hostname: hostname.trim(),
    uuid: within('uuid').toLowerCase(),
    architecture,
    cpuModel: within('model'),
    kvm: guests.some((guest) => guest.includes("<domain type='kvm'")),
    cpuCount: amount(info, 'CPU(s)', 'nodeinfo'),
    memoryMiB: Math.floor(memoryKiB / 1024),
  };
}

/** A host's memory from `nodememstats`, KiB. What can be given out is free, buffers and page cache, as far as told. */
export function parseMemory(memstats: string): { totalKiB: number; availableKiB: number } {
  const found = fields(memstats);
  const parts = ['free', 'buffers', 'cached'].filter((key) => found.has(key));
  const available = parts.map((key) => amount(found, key, 'nodememstats')).reduce((sum, part) => sum + part, 0);
  if (!found.has('free')) amount(found, 'free', 'nodememstats');
  return { totalKiB: amount(found, 'total', 'nodememstats'), availableKiB: available };
}

/** A host's CPU time since it started, from `nodecpustats`, ns: busy is all that is not idle, as in cpu.usage_active. */
export function parseCpuTime(cpustats: string): { busy: number; total: number } {
  const found = fields(cpustats);
  const idle = amount(found, 'idle', 'nodecpustats');
  let total = 0;
  for (const key of found.keys()) total += amount(found, key, 'nodecpustats');
  return { busy: total - idle, total };
}

/** Names by UUID, from `list --uuid --name`. */
export function parseList(list: string): Map<string, string> {
  const lines = list.matchAll(/^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) (.*)$/gim);
  return new Map([...lines].map(([, uuid, name]) => [(uuid ?? '').toLowerCase(), name ?? '']));
}

/** The values of each domain by its name, from `domstats`. */
export function parseDomstats(domstats: string): Map<string, Map<string, string>> {
  const blocks = domstats.matchAll(/^Domain: '(.*)'$((?:\n {2}.*$)*)/gm);
  return new Map(
    [...blocks].map(([, name, lines]) => {
      const values = (lines ?? '').matchAll(/^ {2}([^=\n]+)=(.*)$/gm);
      return [name ?? '', new Map([...values].map(([, key, value]) => [key ?? '', value ?? '']))];
    }),
  );
}

/** A host's guests, from `list --all --uuid --name` and `domstats --state --vcpu --balloon --nowait`. */
export function parseDomains(list: string, domstats: string): Domain[] {
  const stats = parseDomstats(domstats);
  return [...parseList(list)].flatMap(([uuid, name]) => {
    const values = stats.get(name);
    // It went between the two commands.
    if (!values) return [];
    const told = (...keys: string[]) => Number(keys.map((key) => values.get(key)).find((value) => value !== undefined));
    const state = stateWord(values.get('state.state'));
    const vcpus = told('vcpu.current', 'vcpu.maximum');
    const memoryKiB = told('balloon.maximum', 'balloon.current');
    // A guest that is on its way out tells neither any more.
    if (!(vcpus >= 1) || !(memoryKiB >= 1)) return [];
    const incoming = state === 'paused' && values.get('state.reason') === PAUSED_MIGRATION;
    const rssKiB = told('balloon.rss');
    const held = rssKiB > 0 ? { heldMiB: Math.ceil(rssKiB / 1024) } : {};
    return [{ uuid, name, state, incoming, vcpus, memoryMiB: Math.ceil(memoryKiB / 1024), ...held }];
  });
}

/** libvirt's numbers of states in words; `running` is what runs, be it idle or not. */
function stateWord(state: string | undefined): string {
  return STATES[Number(state ?? 0)] ?? 'no state';
}

/** A guest's state from `domstate --reason`, such as "paused (migrating)"; undefined if there is none. */
export function parseState(domstate: string): { state: string; reason: string } | undefined {
  const found = /^([a-z ]+?)(?: \((.*)\))?\s*$/m.exec(domstate.trim());
  if (!found?.[1]) return undefined;
  return { state: found[1] === 'idle' ? 'running' : found[1], reason: found[2] ?? '' };
}

/** The job that runs on a guest, from `domjobinfo`; undefined if none does. */
export function parseJob(domjobinfo: string): Job | undefined {
  const found = fields(domjobinfo);
  const type = found.get('Job type');
  if (type !== 'Unbounded' && type !== 'Bounded') return undefined;
  const elapsedMs = Number.parseInt(found.get('Time elapsed') ?? '', 10);
  const job = { operation: found.get('Operation') ?? '', ...(elapsedMs >= 0 && { elapsedMs }) };
  const [left, total] = ['Data remaining', 'Data total'].map((key) => bytes(found.get(key)));
  if (left === undefined || total === undefined || !(total > 0)) return job;
  return { ...job, progress: Math.max(0, Math.min(100, Math.round(100 * (1 - left / total)))) };
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

function bytes(text: string | undefined): number | undefined {
  const [, value, unit] = /^([\d.]+) ([KMGTPE]?i?B)$/.exec(text ?? '') ?? [];
  return value === undefined ? undefined : Number(value) * 1024 ** UNITS.indexOf(unit ?? 'B');
}
