import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Plan, type SearchLimits, planDeadlineMs } from '../../src/balancer/index.js';
import type { Guest, Host } from '../../src/fleet/fleet.js';
import { type PlanRequest, planMigrations } from '../support/plan.js';
import { type Tightness, makeCase } from './cases.js';

/**
 * Fleets of which many hosts alert at once. Each planner runs in a process of its own, so that its peak memory is its own;
 * `best known` is the least price that any of them found, with a hundred times the usual effort too.
 */
export interface Crowd {
  hosts: number;
  sources: number;
  metric: 'cpu.usage_active' | 'mem.available';
  tightness: Tightness;
}

const CROWDS: readonly Crowd[] = [
  { hosts: 300, sources: 100, metric: 'cpu.usage_active', tightness: 'fair' },
  { hosts: 300, sources: 100, metric: 'mem.available', tightness: 'tight' },
  { hosts: 1000, sources: 100, metric: 'cpu.usage_active', tightness: 'fair' },
  { hosts: 2000, sources: 200, metric: 'cpu.usage_active', tightness: 'fair' },
  { hosts: 2000, sources: 200, metric: 'mem.available', tightness: 'fair' },
  { hosts: 2000, sources: 200, metric: 'cpu.usage_active', tightness: 'scarce' },
  { hosts: 2000, sources: 200, metric: 'mem.available', tightness: 'scarce' },
  { hosts: 10_000, sources: 200, metric: 'cpu.usage_active', tightness: 'fair' },
  { hosts: 10_000, sources: 1000, metric: 'mem.available', tightness: 'fair' },
  { hosts: 10_000, sources: 1000, metric: 'cpu.usage_active', tightness: 'scarce' },
];

export type Move = readonly [guest: Guest, to: Host];

/** What one planner did. */
interface Outcome {
  cleared: number;
  price: number;
  broken: number;
  /** With the index of the fleet, without its making. */
  ms: number;
  peakMiB: number;
  /** At most so much dearer than the cheapest, by its own word. */
  gap?: number;
}

/** The fleet by id, and the arithmetic of src/manual/en/design.md, "Arithmetic", once more, apart from the balancer's. */
class Ledger {
  readonly hosts: Map<string, Host>;
  readonly level = new Map<Host, number>();
  readonly memory = new Map<Host, number>();
  readonly guests = new Map<string, Guest[]>();
  readonly sources: Host[];
  readonly targets: Host[];
  readonly isCpu: boolean;
  readonly threshold: number;

  constructor({ snapshot, rule, sourceIds }: PlanRequest) {
    this.isCpu = rule.metric === 'cpu.usage_active';
    this.threshold = rule.threshold;
    this.hosts = new Map(snapshot.hosts.map((host) => [host.id, host]));
    for (const guest of snapshot.guests) {
      const list = this.guests.get(guest.host_id);
      if (list) list.push(guest);
      else this.guests.set(guest.host_id, [guest]);
    }
    for (const host of snapshot.hosts) {
      const given = (this.guests.get(host.id) ?? []).reduce((sum, { vmem_size }) => sum + vmem_size, 0);
      this.level.set(host, host.metrics['cpu.usage_active'] ?? Number.NaN);
      this.memory.set(host, host.metrics['mem.available'] ?? (host.mem_size - given) * 2 ** 20);
    }
    const alerting = new Set(sourceIds);
    this.sources = sourceIds.map((id) => this.hosts.get(id)!).filter((host) => this.isOver(host));
    this.targets = snapshot.hosts.filter(({ id, enabled, status, maintenance, metrics }) => {
      if (alerting.has(id) || !enabled || status !== 'online' || maintenance) return false;
      return metrics['cpu.usage_active'] !== undefined && (this.isCpu || metrics['mem.available'] !== undefined);
    });
  }

  isOver(host: Host): boolean {
    return this.isCpu ? this.level.get(host)! >= this.threshold : this.memory.get(host)! <= this.threshold;
  }

  /** In the unit of the watched metric. */
  relief(guest: Guest, host: Host): number {
    return this.isCpu ? points(guest, host) : guest.vmem_size;
  }

  mayMove({ status, metrics }: Guest): boolean {
    const usage = metrics['cpu.usage_active'];
    return status === 'running' && usage !== undefined && (!this.isCpu || usage > 0);
  }

  fits(guest: Guest, from: Host, to: Host): boolean {
    if (from.host_type !== to.host_type || from.cpu_architecture !== to.cpu_architecture) return false;
    const level = this.level.get(to)! + points(guest, to);
    const memory = this.memory.get(to)! - guest.vmem_size * 2 ** 20;
    return this.isCpu ? level < this.threshold && memory >= 2 ** 30 : memory > this.threshold && level <= 95;
  }

  move(guest: Guest, from: Host, to: Host): void {
    this.level.set(from, this.level.get(from)! - points(guest, from));
    this.level.set(to, this.level.get(to)! + points(guest, to));
    this.memory.set(from, this.memory.get(from)! + guest.vmem_size * 2 ** 20);
    this.memory.set(to, this.memory.get(to)! - guest.vmem_size * 2 ** 20);
  }
}

function points(guest: Guest, host: Host): number {
  return ((guest.metrics['cpu.usage_active'] ?? 0) * guest.vcpu_count) / host.cpu_count;
}

/** The guest that relieves most for its price goes to the target that ends lowest, until the host is cleared. */
export function greedy(request: PlanRequest): Move[] {
  const ledger = new Ledger(request);
  const moves: Move[] = [];
  for (const from of ledger.sources) {
    const cost = (guest: Guest) => (guest.vmem_size + 1024) / ledger.relief(guest, from);
    const own = ledger.guests.get(from.id)!.filter((guest) => ledger.mayMove(guest));
    for (const guest of own.sort((a, b) => cost(a) - cost(b))) {
      if (!ledger.isOver(from)) break;
      let best: Host | undefined;
      const room = (to: Host) => (ledger.isCpu ? -ledger.level.get(to)! - points(guest, to) : ledger.memory.get(to)!);
      for (const to of ledger.targets) if (ledger.fits(guest, from, to) && (!best || room(to) > room(best))) best = to;
      if (!best) continue;
      ledger.move(guest, from, best);
      moves.push([guest, best]);
    }
  }
  return moves;
}

/** Judges moves by the rules, in the order given. */
export function judge(request: PlanRequest, moves: readonly Move[]): Pick<Outcome, 'cleared' | 'price' | 'broken'> {
  const ledger = new Ledger(request);
  const sources = new Set(ledger.sources);
  const targets = new Set(ledger.targets);
  const moved = new Set<Guest>();
  let broken = 0;
  let price = 0;
  for (const [guest, to] of moves) {
    const from = ledger.hosts.get(guest.host_id)!;
    const isAllowed = sources.has(from) && targets.has(to) && !moved.has(guest) && ledger.mayMove(guest);
    if (!isAllowed || !ledger.fits(guest, from, to)) broken++;
    moved.add(guest);
    ledger.move(guest, from, to);
    price += guest.vmem_size + 1024;
  }
  return { cleared: ledger.sources.filter((host) => !ledger.isOver(host)).length, price, broken };
}

export function movesOf({ snapshot }: PlanRequest, { migrations }: Plan): Move[] {
  const guests = new Map(snapshot.guests.map((guest) => [guest.id, guest]));
  const hosts = new Map(snapshot.hosts.map((host) => [host.id, host]));
  return migrations.map(({ guest, target_host }) => [guests.get(guest.id)!, hosts.get(target_host.id)!]);
}

const PLANNERS = ['greedy', 'first answer', 'ours', 'ours, no clock', 'effort x 100'] as const;
type Planner = (typeof PLANNERS)[number];

function limitsOf(planner: Planner, sources: number): SearchLimits {
  const now = () => performance.now();
  switch (planner) {
    case 'first answer':
      return { now, deadlineMs: 0 };
    case 'ours':
      return { now, deadlineMs: planDeadlineMs(sources) };
    case 'effort x 100':
      return { effort: 100 };
    case 'ours, no clock':
    case 'greedy':
      return {};
  }
}

function run(crowd: Crowd, planner: Planner): Outcome {
  const shape = { ...crowd, guestsPerHost: 20, odd: true, restrictTargets: false, restrictGuests: false };
  const request = makeCase(7, shape);
  const started = performance.now();
  const plan =
    planner === 'greedy' ? undefined : planMigrations({ ...request, limits: limitsOf(planner, crowd.sources) });
  const moves = plan ? movesOf(request, plan) : greedy(request);
  const ms = performance.now() - started;
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  return { ...judge(request, moves), ms, peakMiB, ...(plan && { gap: plan.gap }) };
}

/** The lines of the table: fleets by planners. */
export function manySources(isThorough: boolean): string[][] {
  const rows: string[][] = [['fleet', 'planner', 'cleared', 'price / best', 'gap', 'broken', 'ms', 'peak MiB']];
  for (const crowd of CROWDS) {
    const outcomes = PLANNERS.filter((planner) => isThorough || planner !== 'effort x 100').map((planner) => {
      const args = [fileURLToPath(import.meta.url), JSON.stringify(crowd), planner];
      return { planner, ...(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Outcome) };
    });
    const most = Math.max(...outcomes.map(({ cleared }) => cleared));
    const best = Math.min(...outcomes.filter(({ cleared }) => cleared === most).map(({ price }) => price));
    const name = `${crowd.sources} of ${crowd.hosts}, ${crowd.metric}, ${crowd.tightness}`;
    for (const { planner, cleared, price, gap, broken, ms, peakMiB } of outcomes) {
      rows.push([
        name,
        planner,
        `${cleared}/${crowd.sources}`,
        cleared === most ? (price / best).toFixed(4) : '-',
        gap === undefined ? '-' : gap.toFixed(4),
        String(broken),
        ms.toFixed(0),
        peakMiB.toFixed(0),
      ]);
    }
  }
  return rows;
}

const [, script, crowd, planner] = process.argv;
if (script === fileURLToPath(import.meta.url) && crowd && planner) {
  process.stdout.write(JSON.stringify(run(JSON.parse(crowd) as Crowd, planner as Planner)));
}
