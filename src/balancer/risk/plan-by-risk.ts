import type { Host } from '../../fleet/fleet.js';
import type { PlanRule } from '../model/arithmetic.js';
import { buildProblem } from '../model/build-problem.js';
import type { Constraints } from '../model/constraints.js';
import { byId, type FleetIndex } from '../model/fleet-index.js';
import { type Move, type Problem, MOVE_PRICE, alertingPart, evaluate } from '../model/problem.js';
import type { RunningLimits } from '../search/search-limits.js';
import { search } from '../search/search.js';
import { type Solution, inOrder } from '../search/solution.js';
import { cpuRisks } from './cpu-risks.js';
import { RiskSearch } from './risk-search.js';

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
  const found = cpuRisks(index, positions, rule.threshold, constraints.arrivals);
  if (!found) return undefined;
  const { risks, rowOf } = found;
  // Nothing that moves is cheaper than this, GiB.
  const least = MOVE_PRICE / 1024;
  const preventive = mayBeRelieved
    .filter((id) => worth * risks.risk(at(id)) > least)
    .map((id) => index.hosts[at(id)]!)
    .sort(byId);
  const problem = buildProblem(index, rule, alerting, constraints, preventive);
  if (alertingPart(problem).sources.length === 0) return undefined;
  const riskOf = () => index.cpu.map((_, position) => risks.risk(position));
  const before = riskOf();
  const searching = new RiskSearch(problem, {
    risks,
    rowOf: Int32Array.from(problem.items, ({ guests: [guest] }) => rowOf.get(guest!)!),
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

function removesMore(problem: Problem, moves: readonly Move[], than: readonly Move[]): boolean {
  const [a, b] = [evaluate(problem, moves), evaluate(problem, than)];
  return a.cleared === b.cleared ? a.removed > b.removed + problem.tolerance : a.cleared;
}
