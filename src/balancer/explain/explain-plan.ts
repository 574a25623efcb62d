import type { Host } from '../../fleet/fleet.js';
import { hostRisk } from './chance.js';
import { counted, sayAmount, sayReading } from './sentence.js';
import { type SourceGain, gainsOf, unexplainedReadings } from './gain.js';
import { type Refused, groups } from './refused-groups.js';
import { type MeasuredCandidate, type RefusalReport, measuredCandidates, openHosts } from './rejections.js';
import type {
  Explanation,
  LoadChange,
  NearestMiss,
  NextBest,
  PlanCore,
  RefusedGroup,
  RejectionReason,
} from '../model/result.js';

const MIB = 1024 * 1024;

/** What an explanation needs besides the plan. */
export interface ExplainRequest {
  plan: PlanCore;
  report: RefusalReport;
  hostById: (id: string) => Host | undefined;
  /** Absent where the plan is the one of least price. */
  risk?: RiskOfHosts;
  /** The best plan without one of the guests that move; undefined if there was no time for it. */
  without: (guestId: string) => OtherPlan | undefined;
}

/** How likely the hosts are to be past their threshold, before the plan and after it. */
export interface RiskOfHosts {
  of(hostId: string): { before: number; after: number };
  /** Hosts of the rule past their threshold that are to be expected: the sum over all of them. */
  before: number;
  after: number;
}

/** A plan to compare with. */
export interface OtherPlan {
  plan: PlanCore;
  risk?: RiskOfHosts;
}

/** Moves of a plan that are left out one by one to find the next best. */
const LEFT_OUT = 8;

/**
 * Puts a plan into words and numbers.
 * @returns the structure that the CLI prints and the event holds.
 */
export function explain({ plan, report, hostById, risk, without }: ExplainRequest): Explanation {
  const sources = gainsOf(plan).map((gain) => explainSource(plan, gain));
  const short = new Set(sources.filter(({ cleared }) => !cleared).map(({ id }) => id));
  const { refusedHosts, nearest } = refusals(report, short);
  // Last, for it takes what is left of the time.
  const nextBest = plan.outcome === 'migrate' ? findNextBest({ plan, ...(risk && { risk }) }, without) : undefined;
  return {
    sources,
    chosen: chosenText(plan, risk),
    ...(nextBest && { nextBest }),
    refusedHosts,
    refusedGuests: groups(
      plan.metric,
      'guest',
      report.excluded.map(({ guest, exclusion }) => ({ name: guest.name, reason: exclusion.reason, distance: 0 })),
    ),
    loads: loadChanges(plan, hostById, risk),
    ...((plan.outcome === 'find_result_fail' || plan.outcome === 'partial') && {
      missing: missingPart(plan, report, sources, nearest),
    }),
  };
}

function explainSource(
  { metric, threshold: common, sources }: PlanCore,
  gain: SourceGain,
): Explanation['sources'][number] {
  const threshold = sources.find(({ id }) => id === gain.id)?.threshold ?? common;
  const { name, current, excess } = gain;
  const isCpu = metric === 'cpu.usage_active';
  const side = isCpu ? 'over' : 'under';
  const reading = isCpu ? `${sayReading(metric, current)} of its CPUs` : `${sayReading(metric, current)} available`;
  const limit = `${side} the threshold of ${sayReading(metric, threshold)}`;
  const amount = sayAmount(metric, excess);
  const text = `${name} is at ${reading}, ${amount} ${limit}; more than ${amount} ${isCpu ? 'have' : 'has'} to go`;
  return { ...gain, text };
}

function chosenText(plan: PlanCore, risk: RiskOfHosts | undefined): string {
  const { migrations, cost, optimal, gap } = plan;
  if (migrations.length === 0) return 'nothing moves';
  const memory = migrations.reduce((sum, { guest }) => sum + guest.vmem_size, 0);
  const what = `${counted(migrations.length, 'guest')} with ${memory} MiB to copy (price ${cost})`;
  if (risk) return `${what}: ${expectedText(plan, risk)}`;
  const share = `${(gap * 100).toFixed(gap < 0.01 ? 2 : 0)} %`;
  if (plan.outcome === 'partial') {
    return `${what}: ${optimal ? 'proven that no plan removes more' : `at most ${share} of the excess could be removed besides`}`;
  }
  return `${what}: ${optimal ? 'proven to be the cheapest' : `at most ${share} dearer than the cheapest`}`;
}

/** What a plan by risk is chosen for. */
function expectedText({ metric, threshold }: PlanCore, { before, after }: RiskOfHosts): string {
  const side = metric === 'cpu.usage_active' ? 'past' : 'under';
  const hosts = `hosts to be expected ${side} ${sayReading(metric, threshold)}`;
  return `${after.toFixed(2)} ${hosts}, before: ${before.toFixed(2)}; no further move found that prevents more than it costs`;
}

function findNextBest(chosen: OtherPlan, without: ExplainRequest['without']): NextBest | undefined {
  const { plan } = chosen;
  let best: OtherPlan | undefined;
  for (const { guest } of plan.migrations.slice(0, LEFT_OUT)) {
    const other = without(guest.id);
    if (other?.plan.outcome !== 'migrate') continue;
    if (!best || isBetter(other, best)) best = other;
  }
  if (!best) return undefined;
  const { plan: next } = best;
  const ids = (of: PlanCore) => new Set(of.migrations.map(({ guest }) => guest.id));
  const [ours, theirs] = [ids(plan), ids(next)];
  const left = (of: PlanCore, others: Set<string>) =>
    of.migrations.filter(({ guest }) => !others.has(guest.id)).map(({ guest }) => guest.name);
  const instead = left(next, ours);
  const dropped = left(plan, theirs);
  return {
    instead,
    without: dropped,
    cost: next.cost,
    moves: next.migrations.length,
    text: `next best is ${instead.join(' + ') || 'fewer guests'} instead of ${dropped.join(' + ')}: ${best.risk && chosen.risk ? whyRiskier(plan, chosen.risk, next, best.risk) : whyWorse(plan, next)}`,
  };
}

/** By risk first where both go by it: what is left of it is what a plan is chosen for. */
function isBetter(a: OtherPlan, b: OtherPlan): boolean {
  if (a.risk && b.risk && a.risk.after !== b.risk.after) return a.risk.after < b.risk.after;
  return a.plan.cost < b.plan.cost || (a.plan.cost === b.plan.cost && isFlatter(a.plan, b.plan));
}

function whyRiskier(plan: PlanCore, ours: RiskOfHosts, next: PlanCore, theirs: RiskOfHosts): string {
  const side = plan.metric === 'cpu.usage_active' ? 'past' : 'under';
  const expected = `${theirs.after.toFixed(2)} instead of ${ours.after.toFixed(2)} hosts to be expected`;
  return `price ${next.cost}, and ${expected} ${side} ${sayReading(plan.metric, plan.threshold)}`;
}

function whyWorse(plan: PlanCore, next: PlanCore): string {
  if (next.cost > plan.cost) {
    return `price ${next.cost}, ${(100 * (next.cost / plan.cost - 1)).toFixed(0)} % more`;
  }
  if (next.cost < plan.cost) return `price ${next.cost}, found only by a second look`;
  if (next.migrations.length > plan.migrations.length) {
    return `the same price, but ${counted(next.migrations.length, 'move')} instead of ${plan.migrations.length}`;
  }
  const [ours, theirs] = [fullest(plan), fullest(next)];
  return ours === theirs
    ? 'the same price and load; the first by id is taken'
    : `the same price, but the fullest target ends at ${sayReading(plan.metric, theirs)} instead of ${sayReading(plan.metric, ours)}`;
}

/** The reading of the target that is worst off after the plan. */
function fullest(plan: PlanCore): number {
  const readings = plan.migrations.map(({ target_host }) => target_host.predicted);
  return plan.metric === 'cpu.usage_active' ? Math.max(...readings) : Math.min(...readings);
}

function isFlatter(a: PlanCore, b: PlanCore): boolean {
  if (a.migrations.length !== b.migrations.length) return a.migrations.length < b.migrations.length;
  return a.metric === 'cpu.usage_active' ? fullest(a) < fullest(b) : fullest(a) > fullest(b);
}

interface Miss {
  candidate: MeasuredCandidate;
  at: number;
  /** How far from fitting, as a share of the host. */
  distance: number;
}

/**
 * The hosts that have no place for any candidate, each by its nearest miss, and the nearest miss of all guests that would
 * still help: those of the sources in `short`.
 */
function refusals(
  report: RefusalReport,
  short: ReadonlySet<string>,
): { refusedHosts: RefusedGroup[]; nearest: Miss | undefined } {
  const refused: Refused[] = [];
  let nearest: Miss | undefined;
  const candidates = measuredCandidates(report);
  const onExcluded = ({ name }: Host, { reason }: { reason: RejectionReason }) => {
    if (reason !== 'source') refused.push({ name, reason, distance: 0 });
  };
  for (const { host, at } of openHosts(report, onExcluded)) {
    const { first, miss, helpful, isOpen } = nearestOn(report, candidates, at, short);
    if (helpful && (!nearest || helpful.distance < nearest.distance)) nearest = helpful;
    if (!isOpen && first) refused.push({ name: host.name, reason: first, distance: miss?.distance ?? Infinity });
  }
  return { refusedHosts: groups(report.room.rule.metric, 'host', refused), nearest };
}

function nearestOn(
  report: RefusalReport,
  candidates: readonly MeasuredCandidate[],
  at: number,
  short: ReadonlySet<string>,
) {
  let first: RejectionReason | undefined;
  let miss: Miss | undefined;
  let helpful: Miss | undefined;
  let isOpen = false;
  for (const candidate of candidates) {
    const { source, demand, room } = candidate;
    const excluded = room.exclusion(demand, at);
    if (excluded) {
      first ??= excluded.reason;
      continue;
    }
    if (room.fits(demand, at)) {
      isOpen = true;
      // Where every source is cleared, the first guest that fits says all there is to say of a host.
      if (short.size === 0) break;
      continue;
    }
    first ??= room.gaps(demand, at)[0]?.reason;
    // What moves already is nobody's miss.
    if (report.leftBehind && room === report.room) continue;
    const distance = room.distance(demand, at);
    const its = { candidate, at, distance };
    if (short.has(source.id) && !(helpful && helpful.distance <= distance)) helpful = its;
    if (miss && miss.distance <= distance) continue;
    miss = its;
  }
  if (miss) first = miss.candidate.room.gaps(miss.candidate.demand, at)[0]?.reason;
  return { first, miss, helpful, isOpen };
}

function loadChanges(
  plan: PlanCore,
  hostById: ExplainRequest['hostById'],
  risk: RiskOfHosts | undefined,
): LoadChange[] {
  const alerted = new Set(plan.sources.map(({ id }) => id));
  const riskOf = (id: string) => risk && { risk: hostRisk(plan, risk.of(id), alerted.has(id)) };
  const full = (id: string) => (plan.metric === 'cpu.usage_active' ? 100 : (hostById(id)?.mem_size ?? 0) * MIB);
  const relieved = [...plan.sources, ...(plan.prevented ?? [])];
  const sources = relieved.flatMap(({ id, name, current, predicted }): LoadChange[] =>
    current === undefined || predicted === undefined
      ? []
      : [{ id, name, role: 'source', before: current, after: predicted, full: full(id), ...riskOf(id) }],
  );
  const targets = new Map(
    plan.migrations.map(({ target_host: { id, name, score, predicted } }): [string, LoadChange] => [
      id,
      { id, name, role: 'target', before: score, after: predicted, full: full(id), ...riskOf(id) },
    ]),
  );
  return [...sources, ...targets.values()];
}

function missingPart(
  plan: PlanCore,
  report: RefusalReport,
  sources: Explanation['sources'],
  nearest: Miss | undefined,
): NonNullable<Explanation['missing']> {
  const left = sources.filter(({ cleared }) => !cleared);
  const rest = left.map(({ name, excess, removed }) => `${sayAmount(plan.metric, excess - removed)} from ${name}`);
  const open = rest.length > 0 ? `still to go: ${rest.join(', ')}` : 'a source has no reading';
  const names = new Set(left.map(({ id }) => id));
  const candidates = report.candidates.filter(({ source }) => names.has(source.id));
  const unexplained = unexplainedReadings(plan, report.room.index)
    .map((text) => `; ${text}`)
    .join('');
  if (candidates.length === 0) return { text: `${open}; no guest there may move${unexplained}` };
  if (!nearest) {
    const everyGuest =
      plan.outcome === 'partial' && !candidates.some(({ guest }) => report.leftBehind?.ids.has(guest.id));
    const why = everyGuest ? 'every guest that may move does' : 'no host may be a target';
    return { text: `${open}; ${why}${unexplained}` };
  }
  const miss = sayMiss(nearest);
  return { text: `${open}; ${miss.text}${unexplained}`, nearest: miss };
}

function sayMiss({ candidate: { guest, demand, room }, at }: Miss): NearestMiss {
  const host = room.index.hosts[at]!;
  const gaps = room.gaps(demand, at);
  const amounts = gaps.map(({ reason, missing }) => {
    const capacity = room.constraints.capacities.find((each) => each.reason === reason);
    if (capacity) return capacity.say(missing);
    const isCpu = reason === 'cpu_ceiling' || (reason === 'over_threshold' && room.rule.metric === 'cpu.usage_active');
    return isCpu
      ? `${sayAmount('cpu.usage_active', missing)} of CPU`
      : `${sayAmount('mem.available', missing)} of memory`;
  });
  const [first] = gaps;
  const numbers = first ? ` (${room.text(demand, at, first)})` : '';
  return {
    guest: guest.name,
    host: host.name,
    missing: gaps.map(({ reason, missing }) => ({ reason, amount: missing })),
    text: `closest is ${guest.name} on ${host.name}, which lacks ${amounts.join(' and ')}${numbers}`,
  };
}
