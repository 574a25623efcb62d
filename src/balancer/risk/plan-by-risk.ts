import type { Guest, Host } from '../../fleet/fleet.js';
import type { PlanRule } from '../model/arithmetic.js';
import { buildProblem } from '../model/build-problem.js';
import type { Constraints } from '../model/constraints.js';
import type { FleetIndex } from '../model/fleet-index.js';
import { type Move, type Problem, MOVE_PRICE, alertingPart, evaluate } from '../model/problem.js';
import type { RunningLimits } from '../search/search-limits.js';
import { search } from '../search/search.js';
import { type Solution, inOrder } from '../search/solution.js';
import { cpuRisks } from './cpu-risks.js';
import type { HostRisks } from './host-risks.js';
import { RiskSearch } from './risk-search.js';

const MIB_PER_GIB = 1024;
/** Over this a host is rather overloaded than not, so that each guest that leaves makes the next worth more. */
const EVEN = 0.5;
/** Guests that gain less than this share of their price are not looked at. */
const NEAR = 0.7;

/** What a plan by risk goes by, besides rule and fleet. */
export interface RiskTerms {
  /** What it is worth to take a host from certainly overloaded to certainly not, GiB of memory copied. */
  worth: number;
  /** Ids of the hosts that may be relieved though they do not alert. */
  preventiveIds: readonly string[];
}

/** How likely hosts are to be past their threshold, by position in the fleet index, before the plan and after it. */
export interface RiskChange {
  before: Float64Array;
  after: Float64Array;
}

/** A plan, the problem that it solves, and what it is expected to prevent. */
export interface RiskSolution {
  problem: Problem;
  solution: Solution;
  risk: RiskChange;
}

/**
 * The plan that is expected to prevent most overload for its price.
 * @param alerting - the alerting hosts, by id.
 * @returns undefined where no guest has a history, or no alerting host is past the threshold.
 */
export function planByRisk(
  { index, rule, constraints }: { index: FleetIndex; rule: PlanRule; constraints: Constraints },
  alerting: readonly Host[],
  { worth, preventiveIds }: RiskTerms,
  limits: RunningLimits,
): RiskSolution | undefined {
  if (rule.metric !== 'cpu.usage_active') return undefined;
  const at = (id: string) => index.positionOf.get(id)!;
  const mayBeRelieved = [...new Set(preventiveIds)].filter((id) => index.positionOf.has(id));
  const concerned = new Set([...alerting.map(({ id }) => at(id)), ...mayBeRelieved.map(at)]);
  index.hosts.forEach((host, position) => {
    if (index.isOpen[position] === 1 && !constraints.host(host)) concerned.add(position);
  });
  const positions = [...concerned].sort((a, b) => a - b);
  const risks = cpuRisks(index, positions, rule.threshold, constraints.arrivals);
  if (!risks) return undefined;
  const rows = new Map<Guest, number>();
  const preventive = mayBeRelieved
    .map(at)
    .sort((a, b) => a - b)
    .flatMap((position) => {
      const host = index.hosts[position]!;
      const guests = worthMoving(index.guestsOf.get(host.id) ?? [], position, { risks, worth, rows });
      return guests.length > 0 ? [{ host, guests }] : [];
    });
  const problem = buildProblem(index, rule, alerting, constraints, preventive);
  if (alertingPart(problem).sources.length === 0) return undefined;
  const riskOf = () => index.cpu.map((_, position) => risks.risk(position));
  const before = riskOf();
  const searching = new RiskSearch(problem, {
    risks,
    rowOf: Int32Array.from(problem.items, ({ guests: [guest] }) => rows.get(guest!) ?? risks.addRow(guest!)),
    worth,
    pointsOf: new Float64Array(problem.sources.length).fill(1),
  });
  searching.run();
  if (!evaluate(problem, searching.moves).cleared) {
    const exact = search(alertingPart(problem), limits);
    if (removesMore(problem, exact.moves, searching.moves)) {
      searching.start(exact.moves);
      searching.run();
      // What takes next to nothing off a host may be dearer than that is worth.
      if (removesMore(problem, exact.moves, searching.moves)) searching.start(exact.moves);
    }
  }
  const { moves } = searching;
  const evaluation = evaluate(problem, moves);
  return {
    problem,
    solution: { moves: inOrder(problem, moves), evaluation, optimal: false, gap: 1 },
    risk: { before, after: riskOf() },
  };
}

/**
 * The guests of a host that does not alert which may be worth their price. Where a host is rather not overloaded, one that leaves
 * makes it less worth that others do: those far from their price are left out at once.
 */
function worthMoving(
  guests: readonly Guest[],
  position: number,
  { risks, worth, rows }: { risks: HostRisks; worth: number; rows: Map<Guest, number> },
): Guest[] {
  const risk = risks.risk(position);
  // Nothing that moves is cheaper than this.
  if (worth * risk <= MOVE_PRICE / MIB_PER_GIB) return [];
  const most = new Map<number, number>();
  const mostGain = (vcpus: number) => {
    const known = most.get(vcpus) ?? worth * risks.mostRelief(position, vcpus);
    most.set(vcpus, known);
    return known;
  };
  return guests.filter((guest) => {
    const price = (guest.vmem_size + MOVE_PRICE) / MIB_PER_GIB;
    if (risk <= EVEN && mostGain(guest.vcpu_count) <= NEAR * price) return false;
    const row = risks.addRow(guest);
    const gain = worth * (risk - risks.riskWithout(position, row));
    const mayBeWorthIt = risk > EVEN || gain > NEAR * price;
    if (mayBeWorthIt) rows.set(guest, row);
    else risks.dropLastRow();
    return mayBeWorthIt;
  });
}

function removesMore(problem: Problem, moves: readonly Move[], than: readonly Move[]): boolean {
  const [a, b] = [evaluate(problem, moves), evaluate(problem, than)];
  return a.cleared === b.cleared ? a.removed > b.removed + problem.tolerance : a.cleared;
}
