import type { Guest, Host } from '../../fleet/fleet.js';
import type { Refusal } from '../model/eligibility.js';
import { type RefusalContext, type RoomGap, roomGap, roomText } from './missing-room.js';
import type { Rejection, RejectionReason } from '../model/result.js';

/** Up to this many entries every refusal is listed by itself. */
const FULL_LIST = 5000;
/** Beyond that, entries of one reason (and guest) that are listed by themselves; one more says how many follow. */
const SAMPLE = 25;
/** Guests and hosts that the sentence of a failed plan names. */
const NAMED = 20;

/** A guest that might have moved, with the host it is on. */
export interface Candidate {
  guest: Guest;
  source: Host;
}

/** Who was asked and why they were refused; nothing is written out before it is asked for. */
export interface RefusalReport {
  context: RefusalContext;
  /** Guests of the sources that may move. */
  candidates: readonly Candidate[];
  /** Guests of the sources that may not. */
  excluded: readonly { guest: Guest; refusal: Refusal }[];
  /** Guests that a plan which does not clear everything leaves behind: judged beside what it books. */
  leftBehind?: { ids: ReadonlySet<string>; context: RefusalContext };
}

interface PairRefusal {
  candidate: Candidate;
  host: Host;
  reason: RejectionReason;
  /** Infinity where it is not a matter of room. */
  missing: number;
  text: () => string;
}

/** Splits the fleet into hosts that nobody may go to and hosts that are a matter of room. */
function sortHosts({ context }: RefusalReport) {
  const outright: { host: Host; refusal: Refusal }[] = [];
  const open: Host[] = [];
  for (const host of context.index.hosts) {
    const refusal = context.eligible.host(host);
    if (refusal) outright.push({ host, refusal });
    else open.push(host);
  }
  return { outright, open };
}

function pairRefusal(report: RefusalReport, candidate: Candidate, host: Host): PairRefusal | undefined {
  const { guest, source } = candidate;
  const refusal = report.context.eligible.pair(guest, source, host);
  if (refusal) {
    const text = () => `host:${host.name}: ${refusal.detail}`;
    return { candidate, host, reason: refusal.reason, missing: Infinity, text };
  }
  const isLeft = report.leftBehind?.ids.has(guest.id);
  const context = isLeft && report.leftBehind ? report.leftBehind.context : report.context;
  const gap: RoomGap | undefined = roomGap(context, guest, host);
  return gap && { candidate, host, ...gap, text: () => roomText(context, guest, host, gap) };
}

/** What is a matter of the watched metric first, the nearest first; what no room would help last. */
function byDistance(a: PairRefusal, b: PairRefusal): number {
  const rank = ({ reason, missing }: PairRefusal) => (reason === 'over_threshold' ? 0 : missing < Infinity ? 1 : 2);
  return rank(a) - rank(b) || (a.missing === b.missing ? 0 : a.missing - b.missing);
}

/** Keeps a sample of a long list, and says how many more there are. */
function sampled<T>(
  entries: readonly T[],
  limit: number,
  write: (entry: T) => Rejection,
  rest: Rejection,
): Rejection[] {
  if (entries.length <= limit) return entries.map(write);
  return [...entries.slice(0, limit).map(write), { ...rest, text: `and ${entries.length - limit} ${rest.text}` }];
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
 * (its nearest miss), and of each reason (and guest) the nearest 25 are listed and the others counted.
 * @returns guests first, then hosts, then pairs; deterministic.
 */
export function listRejections(report: RefusalReport): Rejection[] {
  const { outright, open } = sortHosts(report);
  const isFull = outright.length + report.candidates.length * open.length <= FULL_LIST;
  const limit = isFull ? Infinity : SAMPLE;
  const result: Rejection[] = [];

  for (const [reason, group] of grouped(report.excluded, ({ refusal }) => refusal.reason)) {
    const write = ({ guest, refusal }: (typeof group)[number]): Rejection => ({
      guest: guest.name,
      reason,
      text: `guest:${guest.name}: ${refusal.detail}`,
    });
    result.push(...sampled(group, limit, write, { reason, text: 'more guests' }));
  }
  for (const [reason, group] of grouped(outright, ({ refusal }) => refusal.reason)) {
    const write = ({ host, refusal }: (typeof group)[number]): Rejection => ({
      host: host.name,
      reason,
      text: `host:${host.name}: ${refusal.detail}`,
    });
    result.push(...sampled(group, limit, write, { reason, text: 'more hosts' }));
  }

  const pairs: PairRefusal[] = [];
  const closed: PairRefusal[] = [];
  for (const host of open) {
    const refused = report.candidates.flatMap((candidate) => pairRefusal(report, candidate, host) ?? []);
    const nearest = [...refused].sort(byDistance)[0];
    if (!isFull && nearest && refused.length === report.candidates.length) closed.push(nearest);
    else pairs.push(...refused);
  }
  for (const [reason, group] of grouped(closed, (entry) => entry.reason)) {
    const write = ({ host, text }: PairRefusal): Rejection => ({ host: host.name, reason, text: text() });
    result.push(...sampled(group.sort(byDistance), limit, write, { reason, text: 'more hosts' }));
  }
  for (const ofGuest of grouped(pairs, ({ candidate }) => candidate).values()) {
    for (const [reason, group] of grouped(ofGuest, (entry) => entry.reason)) {
      const write = ({ candidate, host, text }: PairRefusal): Rejection => ({
        guest: candidate.guest.name,
        host: host.name,
        reason,
        text: text(),
      });
      const rest = { guest: group[0]?.candidate.guest.name ?? '', reason, text: 'more hosts' };
      result.push(...sampled(group.sort(byDistance), limit, write, rest));
    }
  }
  return result;
}

/** Keeps the nearest few of many in one pass. */
function nearestFew(entries: Iterable<PairRefusal>, count: number): { nearest: PairRefusal[]; total: number } {
  const nearest: PairRefusal[] = [];
  let total = 0;
  for (const entry of entries) {
    total++;
    const last = nearest[nearest.length - 1];
    if (nearest.length === count && last && byDistance(entry, last) >= 0) continue;
    let at = nearest.length;
    while (at > 0 && byDistance(entry, nearest[at - 1]!) < 0) at--;
    nearest.splice(at, 0, entry);
    if (nearest.length > count) nearest.pop();
  }
  return { nearest, total };
}

/**
 * The sentence of a plan that finds no target, in the form of the documents:
 * `not found target for guest G: [host:H:current(…) + guest:G:score(…) >= threshold(…), …]`, guests joined by `; `.
 * Of more than 20 guests or hosts the nearest are named and the others counted.
 * @returns an empty string where there is no candidate.
 */
export function notFoundSentence(report: RefusalReport): string {
  if (report.candidates.length === 0) return '';
  const { outright, open } = sortHosts(report);
  const others = outright.filter(({ refusal }) => refusal.reason !== 'source');
  function* refusalsOf(candidate: Candidate): Generator<PairRefusal> {
    for (const host of open) {
      const refusal = pairRefusal(report, candidate, host);
      if (refusal) yield refusal;
    }
  }
  const sentences = report.candidates.slice(0, NAMED).map((candidate) => {
    const { nearest, total } = nearestFew(refusalsOf(candidate), NAMED);
    const texts = nearest.map((entry) => entry.text());
    for (const { host, refusal } of others.slice(0, NAMED - texts.length)) {
      texts.push(`host:${host.name}: ${refusal.detail}`);
    }
    const more = total + others.length - texts.length;
    if (more > 0) texts.push(`and ${more} more hosts`);
    return `not found target for guest ${candidate.guest.name}: [${texts.join(', ')}]`;
  });
  const more = report.candidates.length - sentences.length;
  if (more > 0) sentences.push(`and ${more} more guests`);
  return sentences.join('; ');
}
