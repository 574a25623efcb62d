import { parseArgs } from 'node:util';
import { PLAN_DEADLINE_MS, type Plan } from '../../src/balancer/index.js';
import { type PlanRequest, planMigrations } from '../support/plan.js';
import { brokenRules, readingWithout, sourcesOver } from '../balancer/checker.js';
import { type BaselineMove, type Planner, firstFitOfEverything, nearestDifference } from './baselines.js';
import { type BenchCase, TIGHTNESS, benchCases, makeCase } from './cases.js';
import { CHARACTERS, characterCases } from './characters.js';
import { manySources } from './many-sources.js';
import { type Optimum, mipSolver } from './mip.js';

/**
 * `npm run bench [-- --cases 320 --characters 45 --seed 1 --seconds 10 --thorough]`: two tables, fleets by planners. Prices are sums over the
 * cases that the optimum and the planner both clear; times are of this run on this machine.
 */
const { values: options } = parseArgs({
  options: {
    cases: { type: 'string', default: '320' },
    seed: { type: 'string', default: '1' },
    characters: { type: 'string', default: '45' },
    seconds: { type: 'string', default: '10' },
    thorough: { type: 'boolean', default: false },
  },
});

/** What a planner did on one case. */
interface Result {
  price: number;
  moves: number;
  cleared: number;
  isCleared: boolean;
  broken: number;
  ms: number;
}

interface Row {
  fleet: string;
  planner: string;
  results: (Result | undefined)[];
}

function fromPlan(request: PlanRequest, plan: Plan, ms: number): Result {
  const cleared = sourcesCleared(
    request,
    plan.migrations.map(({ guest }) => guest.id),
  );
  const isCleared = plan.outcome === 'migrate';
  return {
    price: plan.cost,
    moves: plan.migrations.length,
    cleared,
    isCleared,
    broken: brokenRules(request, plan).length > 0 ? 1 : 0,
    ms,
  };
}

function sourcesCleared(request: PlanRequest, movedIds: readonly string[]): number {
  const moved = new Set(movedIds);
  return sourcesOver(request).filter((source) => {
    const gone = request.snapshot.guests.filter(({ id, host_id }) => host_id === source.id && moved.has(id));
    const reading = readingWithout(request, source, gone) ?? Number.NaN;
    const { metric, threshold } = request.rule;
    return metric === 'cpu.usage_active' ? reading < threshold : reading > threshold;
  }).length;
}

/** The moves of a baseline as a plan, so that the same checker judges it. */
function asPlan(request: PlanRequest, moves: readonly BaselineMove[]): Plan {
  const { rule, snapshot, sourceIds } = request;
  const gone = (id: string) => moves.filter(({ from }) => from.id === id).map(({ guest }) => guest);
  const cost = moves.reduce((sum, { guest }) => sum + guest.vmem_size + 1024, 0);
  const cleared = sourcesCleared(
    request,
    moves.map(({ guest }) => guest.id),
  );
  const isAll = cleared === sourcesOver(request).length;
  return {
    outcome: moves.length === 0 ? 'find_result_fail' : isAll ? 'migrate' : 'partial',
    rule: rule.name,
    metric: rule.metric,
    threshold: rule.threshold,
    sources: sourceIds.map((id) => {
      const source = snapshot.hosts.find((host) => host.id === id)!;
      const predicted = readingWithout(request, source, gone(id));
      return { id, name: source.name, ...(predicted !== undefined && { predicted }) };
    }),
    migrations: moves.map(({ guest, from, to }) => ({
      guest: { ...guest, host: from.name, score: 0 },
      target_host: { id: to.id, name: to.name, score: 0, predicted: 0 },
    })),
    cost,
    optimal: false,
    gap: 1,
    notes: '',
    rejected: [],
    explanation: { sources: [], chosen: '', refusedHosts: [], refusedGuests: [], loads: [] },
  };
}

/** Runs a planner a few times on one case, after a first time that does not count. */
function timed<T>(run: () => T, times: number): { value: T; ms: number } {
  let value = run();
  const all: number[] = [];
  for (let n = 0; n < times; n++) {
    const started = performance.now();
    value = run();
    all.push(performance.now() - started);
  }
  return { value, ms: all.sort((a, b) => a - b)[times >> 1]! };
}

function ours({ request }: BenchCase): Result {
  // As the service asks for it.
  const limits = { now: () => performance.now(), deadlineMs: PLAN_DEADLINE_MS };
  const { value, ms } = timed(() => planMigrations({ ...request, limits }), 5);
  return fromPlan(request, value, ms);
}

function baseline(planner: Planner): (it: BenchCase) => Result {
  return ({ request }) => {
    const { value, ms } = timed(() => planner(request), 1);
    return fromPlan(request, asPlan(request, value), ms);
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function line({ results }: Row, oursMs: readonly number[], optima: readonly (Optimum | undefined)[]): string[] {
  const ran = results.filter((result) => result !== undefined);
  let price = 0;
  let least = 0;
  let feasible = 0;
  let solved = 0;
  optima.forEach((optimum, at) => {
    if (!optimum?.feasible) return;
    feasible++;
    const result = results[at];
    if (!result?.isCleared) return;
    solved++;
    price += result.price;
    least += optimum.price;
  });
  const times = ran.map(({ ms }) => ms);
  const total = (value: (result: Result) => number) => ran.reduce((sum, result) => sum + value(result), 0);
  const ratio = quantile(times, 0.5) / quantile(oursMs, 0.5);
  return [
    least > 0 ? (price / least).toFixed(4) : '-',
    `${solved}/${feasible}`,
    String(total(({ moves }) => moves)),
    String(total(({ cleared }) => cleared)),
    String(total(({ broken }) => broken)),
    quantile(times, 0.5).toFixed(3),
    quantile(times, 0.99).toFixed(3),
    `${ratio.toFixed(ratio < 10 ? 1 : 0)} x`,
  ];
}

function print(rows: readonly string[][]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    );
    process.stdout.write(`${cells.join('  ')}\n`);
  }
}

const HEAD = [
  'fleet',
  'planner',
  'price / optimum',
  'solved',
  'moves',
  'hosts cleared',
  'plans broken',
  'median ms',
  'p99 ms',
  'time / ours',
];

function section(fleet: string, cases: readonly BenchCase[], solve?: (request: PlanRequest) => Optimum): string[][] {
  const optima = cases.map(({ request }) => solve?.(request));
  const mine: Row = { fleet, planner: 'ours', results: cases.map(ours) };
  // On large fleets there is no solver to ask; where ours is proven to be the cheapest, it is the optimum.
  const known = optima.map((optimum, at): Optimum | undefined => {
    if (optimum) return optimum;
    const plan = planMigrations(cases[at]!.request);
    if (!plan.optimal || plan.outcome !== 'migrate') return undefined;
    return { feasible: true, price: plan.cost, removed: 0, moves: 0, proven: true, ms: 0 };
  });
  const rows: Row[] = [
    mine,
    { fleet, planner: 'first fit of everything', results: cases.map(baseline(firstFitOfEverything)) },
    { fleet, planner: 'nearest difference', results: cases.map(baseline(nearestDifference)) },
  ];
  if (solve) {
    const results = optima.map((optimum, at): Result | undefined => {
      if (!optimum) return undefined;
      const { feasible, price, moves, ms } = optimum;
      const cleared = feasible ? sourcesOver(cases[at]!.request).length : 0;
      return { price, moves, cleared, isCleared: feasible, broken: 0, ms };
    });
    rows.push({ fleet, planner: 'MIP (HiGHS)', results });
  }
  const times = mine.results.flatMap((result) => (result ? [result.ms] : []));
  return rows.map((row) => [row.fleet, row.planner, ...line(row, times, known)]);
}

const LARGE = [
  { hosts: 1000, count: 8 },
  { hosts: 10_000, count: 3 },
];

async function main(): Promise<void> {
  const solveAnew = await mipSolver({ timeLimitS: Number(options.seconds), partial: false });
  const solved = new Map<PlanRequest, Optimum>();
  const solve = (request: PlanRequest): Optimum => {
    const optimum = solved.get(request) ?? solveAnew(request);
    solved.set(request, optimum);
    return optimum;
  };
  const cases = benchCases(Number(options.cases), Number(options.seed));
  const table: string[][] = [HEAD];
  for (const tightness of TIGHTNESS) {
    const family = cases.filter((it) => it.tightness === tightness);
    table.push(...section(`${tightness} (${family.length})`, family, solve));
  }
  table.push(...section(`all (${cases.length})`, cases, solve));
  const odd = characterCases(Number(options.characters), Number(options.seed));
  for (const character of CHARACTERS) {
    const family = odd.filter((it) => it.character === character);
    if (family.length > 0) table.push(...section(`${character} (${family.length})`, family, solve));
  }
  for (const { hosts, count } of LARGE) {
    const large = Array.from({ length: count }, (_, at): BenchCase => {
      const metric = at % 2 === 0 ? 'cpu.usage_active' : 'mem.available';
      const sources = 1 + (at % 3);
      const shape = { hosts, guestsPerHost: 20, sources, metric, tightness: 'fair', odd: true } as const;
      const request = makeCase(Number(options.seed) + at, { ...shape, restrictTargets: false, restrictGuests: false });
      return { name: `${hosts}-${at}`, tightness: 'fair', request };
    });
    table.push(...section(`${hosts} hosts, ${hosts * 20} guests (${count})`, large));
  }
  print(table);
  print(manySources(options.thorough));
}

await main();
