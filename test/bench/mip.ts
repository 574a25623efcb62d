import loadHighs from 'highs';
import type { PlanRequest } from '../support/plan.js';
import type { Guest, Host } from '../../src/fleet/fleet.js';
import { fitsTogether, freeMemory, isCandidate, isSameKind, isUsableTarget, sourcesOver } from '../balancer/checker.js';

/** Strictly more or less, for a solver that knows neither: far below what readings tell apart, far above its tolerance. */
const STRICTLY = { 'cpu.usage_active': 1e-5, 'mem.available': 1e-3 };
const MIB = 1024 * 1024;

/** The optimum of a request, by a solver that shares no code with the balancer. */
export interface Optimum {
  /** Every source can be cleared together. */
  feasible: boolean;
  /** Least price where feasible; else the least price of what removes most. */
  price: number;
  /** Where not feasible: the largest part of the excess that can go, % or MiB, summed over the sources. */
  removed: number;
  /** Moves of the solver's plan where feasible. */
  moves: number;
  /** Solved to zero gap within the time. */
  proven: boolean;
  ms: number;
}

interface Model {
  constraints: string[];
  bounds: string[];
  binaries: string[];
  price: string[];
  /** One variable for each source: its part of the excess that is gone. */
  removed: string[];
}

type Row = [number, string][];

function sum(row: Row): string {
  const terms = row.map(([factor, name]) => `${factor < 0 ? '-' : '+'} ${Math.abs(factor)} ${name}`);
  // A line of the format must not get too long.
  return terms.map((term, at) => (at % 8 === 7 ? `${term}\n` : term)).join(' ');
}

function buildModel(request: PlanRequest, mustClear: boolean): Model {
  const { snapshot, rule } = request;
  const isCpu = rule.metric === 'cpu.usage_active';
  const strictly = STRICTLY[rule.metric];
  const model: Model = { constraints: [], bounds: [], binaries: [], price: [], removed: [] };
  const priceRow: Row = [];
  const usable = snapshot.hosts.filter((host) => isUsableTarget(request, host));
  const watchedRows = new Map<Host, Row>();
  const guardRows = new Map<Host, Row>();
  const points = (guest: Guest, host: Host) =>
    ((guest.metrics['cpu.usage_active'] ?? 0) * guest.vcpu_count) / host.cpu_count;
  const push = (rows: Map<Host, Row>, host: Host, entry: Row[number]) => {
    const row = rows.get(host);
    if (row) row.push(entry);
    else rows.set(host, [entry]);
  };

  sourcesOver(request).forEach((source, s) => {
    const reading = source.metrics[rule.metric] ?? 0;
    const excess = isCpu ? reading - rule.threshold : (rule.threshold - reading) / MIB;
    const relief: Row = [];
    snapshot.guests
      .filter((guest) => guest.host_id === source.id && isCandidate(request, guest))
      .forEach((guest, g) => {
        const places: Row = [];
        usable.forEach((to, t) => {
          if (!isSameKind(source, to) || !fitsTogether(request, [guest], to)) return;
          const name = `x_${s}_${g}_${t}`;
          model.binaries.push(name);
          places.push([1, name]);
          relief.push([isCpu ? points(guest, source) : guest.vmem_size, name]);
          priceRow.push([guest.vmem_size + 1024, name]);
          push(isCpu ? watchedRows : guardRows, to, [points(guest, to), name]);
          push(isCpu ? guardRows : watchedRows, to, [guest.vmem_size, name]);
        });
        if (places.length > 1) model.constraints.push(`${sum(places)} <= 1`);
      });
    if (mustClear) {
      model.constraints.push(`${relief.length > 0 ? sum(relief) : '0 none'} >= ${excess + strictly}`);
    } else {
      model.bounds.push(`0 <= r_${s} <= ${excess + strictly}`);
      model.removed.push(`r_${s}`);
      model.constraints.push(`${sum(relief)} - 1 r_${s} >= 0`);
    }
  });
  for (const [to, row] of watchedRows) {
    const room = isCpu
      ? rule.threshold - (to.metrics['cpu.usage_active'] ?? 0)
      : (freeMemory(snapshot, to) - rule.threshold) / MIB;
    model.constraints.push(`${sum(row)} <= ${room - strictly}`);
  }
  for (const [to, row] of guardRows) {
    const room = isCpu ? freeMemory(snapshot, to) / MIB - 1024 : 95 - (to.metrics['cpu.usage_active'] ?? 0);
    model.constraints.push(`${sum(row)} <= ${room}`);
  }
  model.price.push(sum(priceRow));
  return model;
}

function text(model: Model, goal: string): string {
  return [
    goal,
    'Subject To',
    ...model.constraints.map((constraint, at) => `c${at}: ${constraint}`),
    'Bounds',
    '0 <= none <= 0',
    ...model.bounds,
    'Binary',
    model.binaries.join('\n'),
    'End',
  ].join('\n');
}

export interface MipOptions {
  /** For each of the up to three problems that one request makes. */
  timeLimitS: number;
  /** Whether to solve what can only be cleared in part, too: that takes much longer. */
  partial: boolean;
}

/** Loads the solver; the result solves one request after the other. */
export async function mipSolver({ timeLimitS, partial }: MipOptions): Promise<(request: PlanRequest) => Optimum> {
  // The package is CommonJS: its types put the loader under `default`, at run time it is the import itself.
  const highs = await (loadHighs as unknown as typeof loadHighs.default)();
  const options = {
    mip_rel_gap: 0,
    mip_abs_gap: 0,
    mip_feasibility_tolerance: 1e-9,
    primal_feasibility_tolerance: 1e-9,
    time_limit: timeLimitS,
    output_flag: false,
  };
  return (request) => {
    const started = performance.now();
    const none = { feasible: false, price: 0, removed: 0, moves: 0, proven: true, ms: 0 };
    const clear = buildModel(request, true);
    if (clear.binaries.length === 0) return none;
    const full = highs.solve(text(clear, `Minimize\n obj: ${clear.price.join(' ')}`), options);
    if (full.Status === 'Optimal') {
      const ms = performance.now() - started;
      const columns = Object.values(full.Columns) as { Primal?: number }[];
      const moves = columns.filter(({ Primal }) => (Primal ?? 0) > 0.5).length;
      return { feasible: true, price: Math.round(full.ObjectiveValue), removed: 0, moves, proven: true, ms };
    }
    if (full.Status !== 'Infeasible') return { ...none, proven: false, ms: performance.now() - started };
    if (!partial) return { ...none, ms: performance.now() - started };
    const part = buildModel(request, false);
    const best = highs.solve(text(part, `Maximize\n obj: ${part.removed.join(' + ')}`), options);
    const removed = best.ObjectiveValue;
    part.constraints.push(`${part.removed.join(' + ')} >= ${removed - 0.5 * STRICTLY[request.rule.metric]}`);
    const cheapest = highs.solve(text(part, `Minimize\n obj: ${part.price.join(' ')}`), options);
    const proven = best.Status === 'Optimal' && cheapest.Status === 'Optimal';
    const price = Math.round(cheapest.ObjectiveValue);
    return { feasible: false, price, removed, moves: 0, proven, ms: performance.now() - started };
  };
}
