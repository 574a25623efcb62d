import type { Guest, Host, Snapshot } from '../../src/fleet/fleet.js';
import type { Plan } from '../../src/balancer/index.js';
import type { PlanRequest } from '../support/plan.js';

/**
 * The rules of src/manual/en/design.md, "Arithmetic", written a second time, by themselves: nothing here comes from the balancer.
 */
const MIB = 1024 * 1024;
/** Sums of percentages are compared up to this. */
const SLACK = 1e-7;

type Asked = Pick<PlanRequest, 'snapshot' | 'rule' | 'sourceIds' | 'risk'>;

export function isUsableTarget({ rule, sourceIds }: Asked, to: Host): boolean {
  const listed = (list: string[]) => list.includes(to.id) || list.includes(to.name);
  const { 'cpu.usage_active': cpu, 'mem.available': memory } = to.metrics;
  return (
    !sourceIds.includes(to.id) &&
    !listed(rule.source.hosts) &&
    (rule.target.hosts.length === 0 || listed(rule.target.hosts)) &&
    to.enabled &&
    to.status === 'online' &&
    to.maintenance !== true &&
    cpu !== undefined &&
    (rule.metric === 'cpu.usage_active' || memory !== undefined)
  );
}

export function isCandidate({ rule }: Asked, guest: Guest): boolean {
  const { guests } = rule.source;
  const usage = guest.metrics['cpu.usage_active'];
  return (
    guest.status === 'running' &&
    guest.immovable === undefined &&
    (guests.length === 0 || guests.includes(guest.id) || guests.includes(guest.name)) &&
    usage !== undefined &&
    (rule.metric === 'cpu.usage_active' ? usage * guest.vcpu_count : guest.vmem_size) > 0
  );
}

export function isSameKind(from: Host, to: Host): boolean {
  return from.host_type === to.host_type && from.cpu_architecture === to.cpu_architecture;
}

export function freeMemory(snapshot: Snapshot, to: Host): number {
  const given = snapshot.guests.filter(({ host_id }) => host_id === to.id);
  const unassigned = (to.mem_size - given.reduce((sum, { vmem_size }) => sum + vmem_size, 0)) * MIB;
  return to.metrics['mem.available'] ?? unassigned;
}

/** Whether guests fit on a host together, beside nothing else. */
export function fitsTogether({ snapshot, rule }: Asked, guests: readonly Guest[], to: Host, slack = 0): boolean {
  if (guests.some(({ vcpu_count }) => vcpu_count > to.cpu_count)) return false;
  const cpu = guests.reduce(
    (sum, { metrics, vcpu_count }) => sum + ((metrics['cpu.usage_active'] ?? 0) * vcpu_count) / to.cpu_count,
    to.metrics['cpu.usage_active'] ?? Number.NaN,
  );
  const free = guests.reduce((rest, { vmem_size }) => rest - vmem_size * MIB, freeMemory(snapshot, to));
  return rule.metric === 'cpu.usage_active'
    ? cpu < rule.threshold + slack && free >= 1024 * MIB
    : free > rule.threshold && cpu <= 95 + slack;
}

/** A source's reading after guests have left. */
export function readingWithout({ rule }: Asked, source: Host, guests: readonly Guest[]): number | undefined {
  const current = source.metrics[rule.metric];
  if (current === undefined) return undefined;
  return rule.metric === 'cpu.usage_active'
    ? guests.reduce((rest, { metrics, vcpu_count }) => {
        return rest - ((metrics['cpu.usage_active'] ?? 0) * vcpu_count) / source.cpu_count;
      }, current)
    : guests.reduce((sum, { vmem_size }) => sum + vmem_size * MIB, current);
}

export function isPast({ rule }: Asked, reading: number): boolean {
  return rule.metric === 'cpu.usage_active' ? reading > rule.threshold : reading < rule.threshold;
}

function isGood({ rule }: Asked, reading: number): boolean {
  return rule.metric === 'cpu.usage_active' ? reading < rule.threshold : reading > rule.threshold;
}

/** The sources that have to be relieved. */
export function sourcesOver(asked: Asked): Host[] {
  return asked.snapshot.hosts.filter(({ id, metrics }) => {
    const reading = metrics[asked.rule.metric];
    return asked.sourceIds.includes(id) && reading !== undefined && isPast(asked, reading);
  });
}

/** Whether any single guest fits anywhere. */
export function hasAnyMove(asked: Asked): boolean {
  return sourcesOver(asked).some((source) =>
    asked.snapshot.guests.some(
      (guest) =>
        guest.host_id === source.id &&
        isCandidate(asked, guest) &&
        asked.snapshot.hosts.some(
          (to) => isUsableTarget(asked, to) && isSameKind(source, to) && fitsTogether(asked, [guest], to),
        ),
    ),
  );
}

/** Every rule that a plan breaks, in words; none for a sound plan. */
export function brokenRules(asked: Asked, plan: Plan): string[] {
  const { snapshot, rule, sourceIds } = asked;
  const broken: string[] = [];
  const hosts = new Map(snapshot.hosts.map((host) => [host.id, host]));
  const guests = new Map(snapshot.guests.map((guest) => [guest.id, guest]));
  const arriving = new Map<Host, Guest[]>();
  const leaving = new Map<string, Guest[]>();
  const seen = new Set<string>();
  let cost = 0;
  let isPreventive = false;
  for (const { guest: moved, target_host, preventive } of plan.migrations) {
    if (isPreventive && !preventive)
      broken.push(`${moved.id} relieves an alerting host and comes after preventive moves`);
    isPreventive ||= preventive === true;
    const guest = guests.get(moved.id);
    const to = hosts.get(target_host.id);
    const from = hosts.get(moved.host_id);
    if (!guest || !to || guest.host_id !== from?.id) {
      broken.push(`no such move: ${moved.id} to ${target_host.id}`);
      continue;
    }
    if (seen.has(guest.id)) broken.push(`${guest.id} moves twice`);
    seen.add(guest.id);
    if (preventive ? !asked.risk?.preventiveIds.includes(from.id) : !sourcesOver(asked).includes(from)) {
      broken.push(`${from.id} needs no relief`);
    }
    if (!isCandidate(asked, guest)) broken.push(`${guest.id} may not move`);
    if (!isUsableTarget(asked, to)) broken.push(`${to.id} is no target`);
    if (!isSameKind(from, to)) broken.push(`${to.id} is of another kind than ${from.id}`);
    arriving.set(to, [...(arriving.get(to) ?? []), guest]);
    leaving.set(from.id, [...(leaving.get(from.id) ?? []), guest]);
    cost += guest.vmem_size + 1024;
  }
  if (cost !== plan.cost) broken.push(`cost ${plan.cost}, not ${cost}`);
  for (const [to, come] of arriving) {
    if (leaving.has(to.id)) broken.push(`guests come to ${to.id} and leave it`);
    if (!fitsTogether(asked, come, to)) broken.push(`${to.id} has no room for ${come.map(({ id }) => id).join(', ')}`);
  }
  const readings = sourceIds.map((id) => {
    const source = hosts.get(id)!;
    return readingWithout(asked, source, leaving.get(id) ?? []);
  });
  plan.sources.forEach(({ id, predicted }, index) => {
    const reading = readings[index];
    const scale = rule.metric === 'cpu.usage_active' ? 1 : MIB;
    if (Math.abs((predicted ?? 0) - (reading ?? 0)) > SLACK * scale) broken.push(`${id} ends at ${reading}`);
  });
  const needed = sourcesOver(asked).map(({ id }) => id);
  const cleared = sourceIds.every((id, index) => {
    const reading = readings[index];
    return reading !== undefined && (!needed.includes(id) || isGood(asked, reading));
  });
  if (plan.outcome === 'migrate' && !cleared) broken.push('migrate, but a source is not cleared');
  if (plan.outcome === 'migrate' && plan.migrations.length === 0) broken.push('migrate without a move');
  if (plan.outcome === 'partial' && plan.migrations.length === 0) broken.push('partial without a move');
  if (plan.outcome === 'find_result_fail' && hasAnyMove(asked)) broken.push('find_result_fail, but a guest fits');
  const unread = readings.some((reading) => reading === undefined);
  if ((plan.outcome === 'not_needed') !== (needed.length === 0 && !unread)) broken.push('not_needed is wrong');
  return broken;
}
