import type { Guest, Host } from '../../fleet/fleet.js';
import type { Exclusion } from '../model/constraints.js';
import type { Rejection, RejectionReason } from '../model/result.js';
import { type Demand, type FleetRoom, demandOf } from './room.js';

/** Up to this many entries every refusal is listed by itself. */
const FULL_LIST = 5000;
/** Beyond that, entries of one reason (and guest) that are listed by themselves; one more says how many follow. */
const SAMPLE = 25;
/** Guests and hosts that the sentence of a failed plan names. */
const NAMED = 20;
/** Guests that are measured against every host of a large fleet, those with the least load first: the others miss by more. */
const MEASURED = 100;
/** Hosts between two looks at the clock. */
const CLOCK_EVERY = 256;

/** A guest that might have moved, with the host it is on. */
export interface Candidate {
  guest: Guest;
  source: Host;
}

/** A candidate with what it takes of a host, and the fleet that it is measured against. */
export interface MeasuredCandidate extends Candidate {
  demand: Demand;
  room: FleetRoom;
}

/** Who was asked and why they were refused; nothing is written out before it is asked for. */
export interface RefusalReport {
  /** The fleet as it is. */
  room: FleetRoom;
  /** Guests of the sources that may move. */
  candidates: readonly Candidate[];
  /** Guests of the sources that may not. */
  excluded: readonly { guest: Guest; exclusion: Exclusion }[];
  /** Guests that a plan which does not clear everything leaves behind: judged beside what it books. */
  leftBehind?: { ids: ReadonlySet<string>; room: FleetRoom };
  /** Whether the time for words is up: what is not yet said is counted, or left out. */
  isLate: () => boolean;
}

/** A guest that a host does not take. */
export interface PairRefusal {
  candidate: MeasuredCandidate;
  host: Host;
  reason: RejectionReason;
  /** Infinity where it is not a matter of room. */
  missing: number;
  text: () => string;
}

/** The candidates that are measured: all of them, or in a large fleet those with the least load. */
export function measuredCandidates(report: RefusalReport, most = MEASURED): MeasuredCandidate[] {
  const all = report.candidates.map((candidate): MeasuredCandidate => {
    const { leftBehind } = report;
    const room = leftBehind?.ids.has(candidate.guest.id) ? leftBehind.room : report.room;
    return { ...candidate, demand: demandOf(candidate.guest, candidate.source, room.index, room.constraints), room };
  });
  if (all.length <= most) return all;
  const isCpu = report.room.rule.metric === 'cpu.usage_active';
  const load = ({ demand }: MeasuredCandidate) => (isCpu ? demand.cpu : demand.memory);
  const kept = new Set([...all].sort((a, b) => load(a) - load(b)).slice(0, most));
  return all.filter((candidate) => kept.has(candidate));
}

/** Walks over the hosts that are not ruled out by themselves, as long as there is time. */
export function* openHosts(
  report: RefusalReport,
  onExcluded: (host: Host, exclusion: Exclusion) => void,
): Generator<{ host: Host; at: number }> {
  const { index, constraints } = report.room;
  for (let at = 0; at < index.hosts.length; at++) {
    if (at % CLOCK_EVERY === CLOCK_EVERY - 1 && report.isLate()) return;
    const host = index.hosts[at]!;
    const exclusion = constraints.host(host);
    if (exclusion) onExcluded(host, exclusion);
    else yield { host, at };
  }
}

function pairRefusal(candidate: MeasuredCandidate, host: Host, at: number): PairRefusal | undefined {
  const { demand, room } = candidate;
  const excluded = room.exclusion(demand, at);
  if (excluded) {
    const text = () => `host:${host.name}: ${excluded.text}`;
    return { candidate, host, reason: excluded.reason, missing: Infinity, text };
  }
  if (room.fits(demand, at)) return undefined;
  const [gap] = room.gaps(demand, at);
  return gap && { candidate, host, reason: gap.reason, missing: gap.missing, text: () => room.text(demand, at, gap) };
}

/** What is a matter of the watched metric first, the nearest first; what no room would help last. */
function byDistance(a: PairRefusal, b: PairRefusal): number {
  const rank = ({ reason, missing }: PairRefusal) => (reason === 'over_threshold' ? 0 : missing < Infinity ? 1 : 2);
  return rank(a) - rank(b) || (a.missing === b.missing ? 0 : a.missing - b.missing);
}

/** The nearest few of many, and how many there were. */
class NearestFew {
  readonly nearest: PairRefusal[] = [];
  total = 0;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  add(entry: PairRefusal): void {
    const { nearest } = this;
    this.total++;
    const last = nearest[nearest.length - 1];
    if (nearest.length === this.#count && last && byDistance(entry, last) >= 0) return;
    let at = nearest.length;
    while (at > 0 && byDistance(entry, nearest[at - 1]!) < 0) at--;
    nearest.splice(at, 0, entry);
    if (nearest.length > this.#count) nearest.pop();
  }
}

/** Keeps a sample of a long list, and says how many more there are. */
function sampled<T>(entries: readonly T[], limit: number, write: (entry: T) => Rejection, rest: string): Rejection[] {
  if (entries.length <= limit) return entries.map(write);
  const listed = entries.slice(0, limit).map(write);
  const { reason } = listed[0]!;
  return [...listed, { reason, text: `and ${entries.length - limit} ${rest}` }];
}

function written(
  { nearest, total }: NearestFew,
  write: (entry: PairRefusal) => Rejection,
  rest: Omit<Rejection, 'text'>,
): Rejection[] {
  const listed = nearest.map(write);
  return total > listed.length ? [...listed, { ...rest, text: `and ${total - listed.length} more hosts` }] : listed;
}

function addTo<K>(groups: Map<K, NearestFew>, key: K, limit: number, entry: PairRefusal): void {
  let group = groups.get(key);
  if (!group) groups.set(key, (group = new NearestFew(limit)));
  group.add(entry);
}

function grouped<T, K>(entries: readonly T[], key: (entry: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const entry of entries) {
    const group = groups.get(key(entry));
    if (group) group.push(entry);
    else groups.set(key(entry), [entry]);
  }
  return groups;
}

/**
 * Every refusal: guests that may not move, hosts that nobody may go to, and each guest on each other host.
 * Up to 5,000 entries all are listed. In larger fleets a host without room for any guest is one entry without guest
 * (its nearest miss), of each reason (and guest) the nearest 25 are listed and the others counted, and of very many
 * guests those with the least load are gone by.
 * @returns guests first, then hosts, then pairs; deterministic unless the time is up.
 */
export function listRejections(report: RefusalReport): Rejection[] {
  const outright: { host: Host; exclusion: Exclusion }[] = [];
  const open = [...openHosts(report, (host, exclusion) => outright.push({ host, exclusion }))];
  const isFull = outright.length + report.candidates.length * open.length <= FULL_LIST;
  const limit = isFull ? Infinity : SAMPLE;
  const result: Rejection[] = [];

  for (const [reason, group] of grouped(report.excluded, ({ exclusion }) => exclusion.reason)) {
    const write = ({ guest, exclusion }: (typeof group)[number]): Rejection => {
      return { guest: guest.name, reason, text: `guest:${guest.name}: ${exclusion.text}` };
    };
    result.push(...sampled(group, limit, write, 'more guests'));
  }
  for (const [reason, group] of grouped(outright, ({ exclusion }) => exclusion.reason)) {
    const write = ({ host, exclusion }: (typeof group)[number]): Rejection => {
      return { host: host.name, reason, text: `host:${host.name}: ${exclusion.text}` };
    };
    result.push(...sampled(group, limit, write, 'more hosts'));
  }

  const candidates = measuredCandidates(report, isFull ? Infinity : MEASURED);
  const closed = new Map<RejectionReason, NearestFew>();
  const byGuest = new Map(candidates.map((candidate) => [candidate, new Map<RejectionReason, NearestFew>()]));
  for (const [n, { host, at }] of open.entries()) {
    if (n % CLOCK_EVERY === CLOCK_EVERY - 1 && report.isLate()) break;
    const refused = candidates.flatMap((candidate) => pairRefusal(candidate, host, at) ?? []);
    const nearest = refused.reduce<PairRefusal | undefined>((a, b) => (a && byDistance(a, b) <= 0 ? a : b), undefined);
    if (!isFull && nearest && refused.length === candidates.length) addTo(closed, nearest.reason, limit, nearest);
    else for (const entry of refused) addTo(byGuest.get(entry.candidate)!, entry.reason, limit, entry);
  }
  for (const [reason, group] of closed) {
    result.push(...written(group, ({ host, text }) => ({ host: host.name, reason, text: text() }), { reason }));
  }
  for (const [{ guest }, groups] of byGuest) {
    for (const [reason, group] of groups) {
      const write = ({ host, text }: PairRefusal): Rejection => {
        return { guest: guest.name, host: host.name, reason, text: text() };
      };
      result.push(...written(group, write, { guest: guest.name, reason }));
    }
  }
  return result;
}

/** The hosts that a guest misses by the least, by position: by the watched metric, in one pass over the numbers. */
function nearestHosts({ demand, room, source }: MeasuredCandidate, open: readonly { at: number }[], count: number) {
  const { kinds } = room.constraints;
  const own = kinds[room.index.positionOf.get(source.id)!];
  const nearest: { at: number; missing: number; rank: number }[] = [];
  for (const { at } of open) {
    const missing = room.missingAt(demand, at);
    // What misses by the watched metric comes first, what by something else then, and what is of another kind last.
    const rank = kinds[at] !== own ? 2 : missing >= 0 ? 0 : 1;
    const entry = { at, missing, rank };
    const isAfter = (other: typeof entry) => other.rank < rank || (other.rank === rank && other.missing <= missing);
    const last = nearest[nearest.length - 1];
    if (nearest.length === count && last && isAfter(last)) continue;
    let place = nearest.length;
    while (place > 0 && !isAfter(nearest[place - 1]!)) place--;
    nearest.splice(place, 0, entry);
    if (nearest.length > count) nearest.pop();
  }
  return nearest;
}

/**
 * The sentence of a plan that finds no target, in the form of the documents:
 * `not found target for guest G: [host:H:current(…) + guest:G:score(…) >= threshold(…), …]`, guests joined by `; `.
 * Of more than 20 guests or hosts the nearest are named and the others counted.
 * @returns an empty string where there is no candidate.
 */
export function notFoundSentence(report: RefusalReport): string {
  if (report.candidates.length === 0) return '';
  const others: { host: Host; exclusion: Exclusion }[] = [];
  let hosts = report.room.index.hosts.length;
  const open = [
    ...openHosts(report, (host, exclusion) => {
      if (exclusion.reason === 'source') hosts--;
      else others.push({ host, exclusion });
    }),
  ];
  const named = measuredCandidates({ ...report, candidates: report.candidates.slice(0, NAMED) });
  const sentences: string[] = [];
  for (const candidate of named) {
    if (sentences.length > 0 && report.isLate()) break;
    // Hosts that have room and are ruled out for this guest alone, as by a boundary, are among the first by their numbers.
    const entries = nearestHosts(candidate, open, 2 * NAMED).flatMap(({ at }) => {
      return pairRefusal(candidate, report.room.index.hosts[at]!, at) ?? [];
    });
    const texts = entries
      .sort(byDistance)
      .slice(0, NAMED)
      .map((entry) => entry.text());
    for (const { host, exclusion } of others.slice(0, NAMED - texts.length)) {
      texts.push(`host:${host.name}: ${exclusion.text}`);
    }
    const more = hosts - texts.length;
    if (more > 0) texts.push(`and ${more} more hosts`);
    sentences.push(`not found target for guest ${candidate.guest.name}: [${texts.join(', ')}]`);
  }
  const more = report.candidates.length - sentences.length;
  if (more > 0) sentences.push(`and ${more} more guests`);
  return sentences.join('; ');
}
