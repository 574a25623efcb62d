import type { Guest, Host, Snapshot } from '../fleet/fleet.js';
import { type RunningLimits, type SearchLimits, startLimits } from './search/search-limits.js';
import { buildProblem } from './model/build-problem.js';
import { cpuScore, memoryScore, readingOf } from './model/arithmetic.js';
import { type OutsideRefusal, type PlanRule, eligibility } from './model/eligibility.js';
import { explain } from './explain/explain-plan.js';
import { type FleetIndex, byId, fleetIndex } from './model/fleet-index.js';
import { sentenceFor } from './explain/sentence.js';
import { type Evaluation, type Move, type Problem } from './model/problem.js';
import { type Booked, type RefusalContext } from './explain/missing-room.js';
import { type Candidate, type RefusalReport, listRejections } from './explain/rejections.js';
import type {
  Explanation,
  PlanCore,
  PlanOutcome,
  Plan,
  PlannedMigration,
  PlannedSource,
  Rejection,
} from './model/result.js';
import { searchWithHeadroom } from './search/headroom-search.js';
import { search } from './search/search.js';

/** What a plan is asked for. */
export interface PlanRequest {
  /** Must not be changed afterwards: it is indexed once. */
  snapshot: Snapshot;
  rule: PlanRule;
  /** Ids of all alerting hosts of the batch; one plan relieves them together. */
  sourceIds: readonly string[];
  /** Guests, hosts and pairs that are ruled out from outside (the cloud's forecast, a cooldown). */
  refusals?: readonly OutsideRefusal[];
  /** How long the search may take, and the explanation again; without a clock, the same answer on every machine. */
  limits?: SearchLimits;
}

/** Looks for each next best plan of an explanation, as a share of those for the plan. */
const SECOND_LOOK = 1 / 4;

/**
 * Works out which guests go where, so that every alerting host ends strictly on the good side of its threshold.
 * Pure and deterministic: neither the order of the snapshot nor that of the alerting hosts changes the moves.
 * @returns the plan; its `rejected` and `explanation` are worked out when they are first read.
 * @throws RangeError if a source id is not a host of the snapshot.
 */
export function planMigrations(request: PlanRequest): Plan {
  // Laying out the snapshot is done once for many plans; the clock runs from here.
  fleetIndex(request.snapshot);
  const { plan, problem, moves, context, unread } = solve(request, startLimits(request.limits));
  const report = refusalReport(problem, context, plan.outcome === 'partial' ? moves : []);
  let rejected: Rejection[] | undefined;
  let explanation: Explanation | undefined;
  return {
    ...plan,
    notes: sentenceFor(plan, unread, report),
    get rejected() {
      return (rejected ??= listRejections(report));
    },
    get explanation() {
      return (explanation ??= explain({
        plan,
        report,
        hostById: (id) => context.index.hosts[context.index.positionOf.get(id) ?? -1],
        without: secondLooks(request),
      }));
    },
  };
}

/** Plans with one guest left where it is, all of them together within the limits of one plan. */
function secondLooks(request: PlanRequest): (guestId: string) => PlanCore | undefined {
  const { effort = 1, ...limits } = request.limits ?? {};
  const running = startLimits({ ...limits, effort: effort * SECOND_LOOK });
  return (guestId) => {
    if (running.isLate()) return undefined;
    const { plan } = solve(withoutGuest(request, guestId), running);
    return running.isLate() ? undefined : plan;
  };
}

/** The same request with one guest left where it is. */
function withoutGuest(request: PlanRequest, guestId: string): PlanRequest {
  const stays: OutsideRefusal = { guestId, reason: 'immovable', text: 'left out' };
  return { ...request, refusals: [...(request.refusals ?? []), stays] };
}

function solve(request: PlanRequest, running: RunningLimits) {
  const { snapshot, rule } = request;
  const index = fleetIndex(snapshot);
  const alerting = alertingHosts(index, request.sourceIds);
  const eligible = eligibility(rule, new Set(alerting.map(({ id }) => id)), request.refusals ?? []);
  const problem = buildProblem(index, rule, [...alerting].sort(byId), eligible);
  const { headroom = 0 } = rule;
  const { moves, evaluation, optimal, gap } =
    headroom > 0 ? searchWithHeadroom(problem, index, headroom, running) : search(problem, running);
  const unread = alerting.filter((host) => readingOf(host, rule.metric) === undefined);
  const plan: PlanCore = {
    outcome: outcomeOf(problem, evaluation, unread.length),
    rule: rule.name,
    metric: rule.metric,
    threshold: rule.threshold,
    sources: alerting.map((host) => plannedSource(problem, evaluation, host, rule)),
    migrations: moves.flatMap((move) => plannedMigration(problem, evaluation, move)),
    cost: evaluation.price,
    optimal,
    gap,
  };
  const context: RefusalContext = { index, rule, eligible, booked: new Map() };
  return { plan, problem, moves, context, unread };
}

function alertingHosts(index: FleetIndex, ids: readonly string[]): Host[] {
  return [...new Set(ids)].map((id) => {
    const host = index.hosts[index.positionOf.get(id) ?? -1];
    if (!host) throw new RangeError(`the snapshot has no host with the id "${id}"`);
    return host;
  });
}

function outcomeOf(problem: Problem, evaluation: Evaluation, unread: number): PlanOutcome {
  if (problem.sources.length === 0) return unread > 0 ? 'find_result_fail' : 'not_needed';
  if (evaluation.moves === 0) return 'find_result_fail';
  return evaluation.cleared && unread === 0 ? 'migrate' : 'partial';
}

/** A level back in the unit of its metric. */
function readingAt(problem: Problem, level: number): number {
  return problem.metric === 'cpu.usage_active' ? level : -level;
}

function scoreOf({ metric }: Problem, guest: Guest, source: Host): number {
  if (metric === 'mem.available') return memoryScore(guest.vmem_size);
  return cpuScore(readingOf(guest, 'cpu.usage_active') ?? 0, guest.vcpu_count, source.cpu_count);
}

function plannedSource(problem: Problem, evaluation: Evaluation, host: Host, rule: PlanRule): PlannedSource {
  const { id, name } = host;
  const current = readingOf(host, rule.metric);
  if (current === undefined) return { id, name };
  const level = evaluation.sourceLevels[problem.sources.findIndex((source) => source.host === host)];
  return { id, name, current, predicted: level === undefined ? current : readingAt(problem, level) };
}

function plannedMigration(problem: Problem, evaluation: Evaluation, move: Move): PlannedMigration[] {
  const item = problem.items[move.item]!;
  const to = problem.targets.hosts[move.target]!;
  const before = problem.targets.level[move.target]!;
  const source = problem.sources[item.source]!.host;
  const level = evaluation.targetLevels.get(move.target) ?? before;
  return item.guests.map((guest) => ({
    guest: {
      id: guest.id,
      name: guest.name,
      host: source.name,
      host_id: source.id,
      vcpu_count: guest.vcpu_count,
      vmem_size: guest.vmem_size,
      score: scoreOf(problem, guest, source),
    },
    target_host: {
      id: to.id,
      name: to.name,
      score: readingAt(problem, before),
      predicted: readingAt(problem, level),
    },
  }));
}

/** Who was asked; `partialMoves` are the moves of a plan that leaves something over. */
function refusalReport(problem: Problem, context: RefusalContext, partialMoves: readonly Move[]): RefusalReport {
  const candidates: Candidate[] = [];
  const excluded: RefusalReport['excluded'][number][] = [];
  for (const { host: source } of problem.sources) {
    for (const guest of context.index.guestsOf.get(source.id) ?? []) {
      const refusal = context.eligible.guest(guest, source);
      if (refusal) excluded.push({ guest, refusal });
      else candidates.push({ guest, source });
    }
  }
  const report: RefusalReport = { context, candidates, excluded };
  if (partialMoves.length === 0) return report;
  return { ...report, leftBehind: leftBehind(problem, context, candidates, partialMoves) };
}

function leftBehind(
  problem: Problem,
  context: RefusalContext,
  candidates: readonly Candidate[],
  moves: readonly Move[],
): NonNullable<RefusalReport['leftBehind']> {
  const isCpu = problem.metric === 'cpu.usage_active';
  const booked = new Map<string, Booked>();
  const ids = new Set(candidates.map(({ guest }) => guest.id));
  for (const move of moves) {
    const item = problem.items[move.item]!;
    const host = problem.targets.hosts[move.target]!;
    const watched = item.load / problem.targets.size[move.target]!;
    const guard = item.guardLoad / problem.targets.guardSize[move.target]!;
    const { cpu, memory } = booked.get(host.id) ?? { cpu: 0, memory: 0 };
    booked.set(host.id, { cpu: cpu + (isCpu ? watched : guard), memory: memory + (isCpu ? guard : watched) });
    for (const { id } of item.guests) ids.delete(id);
  }
  return { ids, context: { ...context, booked } };
}
