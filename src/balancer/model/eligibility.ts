import type { Guest, Host } from '../../fleet/fleet.js';
import type { Rule } from '../../rules/rule.js';
import { cpuScore, readingOf } from './arithmetic.js';
import { names } from './references.js';
import type { RejectionReason } from './result.js';

/** A score that no reading can tell from 0, % or MiB. */
const NO_SCORE = 1e-9;

/** What of a rule the balancer goes by. */
export type PlanRule = Pick<Rule, 'name' | 'metric' | 'threshold' | 'source' | 'target'> &
  Partial<Pick<Rule, 'headroom' | 'guards'>>;

/** A guest, a host, or a guest on a host that is ruled out from outside. At least one id is given. */
export interface OutsideRefusal {
  guestId?: string;
  hostId?: string;
  reason: RejectionReason;
  /** A few words that go after the name. */
  text: string;
}

/** Why not; `detail` is what stands behind the name in a sentence, absent where the numbers say it. */
export interface Refusal {
  reason: RejectionReason;
  detail: string;
}

/** Answers who may move and who may take, apart from room. */
export interface Eligibility {
  /** Why a host is no target for anyone; undefined if it may be one. */
  host(host: Host): Refusal | undefined;
  /** Why a guest is no candidate; undefined if it is one. */
  guest(guest: Guest, source: Host): Refusal | undefined;
  /** Why a guest of one host may not go to another. */
  pair(guest: Guest, source: Host, target: Host): Refusal | undefined;
  /** Ids of hosts that are ruled out by themselves: alerting, or from outside. */
  readonly closed: ReadonlySet<string>;
  /** Whether the rule names source or target hosts, so that every host has to be asked about. */
  readonly hasLists: boolean;
  /** What rules out single pairs besides type and architecture: guest id to host id. */
  readonly pairRefusals: ReadonlyMap<string, ReadonlyMap<string, Refusal>>;
}

/** The availability zone of a host and its aggregates, in one order, as its tags `az` and `aggregates` say; '' without. */
export function placeOf({ tags }: Host): { zone: string; aggregates: string } {
  return { zone: tags?.az ?? '', aggregates: (tags?.aggregates ?? '').split(',').sort().join(',') };
}

/** Why a rule that keeps guests in their zone or aggregates refuses a host. */
function elsewhere({ target: { sameZone, sameAggregate } }: PlanRule, source: Host, target: Host): Refusal | undefined {
  if (!sameZone && !sameAggregate) return undefined;
  const from = placeOf(source);
  const to = placeOf(target);
  if (sameZone && from.zone !== to.zone) {
    return { reason: 'other_zone', detail: `availability zone ${to.zone || '(none)'}, not ${from.zone || '(none)'}` };
  }
  if (sameAggregate && from.aggregates !== to.aggregates) {
    const detail = `host aggregates ${to.aggregates || '(none)'}, not ${from.aggregates || '(none)'}`;
    return { reason: 'other_aggregate', detail };
  }
  return undefined;
}

function outsideRefusals(refusals: readonly OutsideRefusal[]) {
  const hosts = new Map<string, Refusal>();
  const guests = new Map<string, Refusal>();
  const pairs = new Map<string, Map<string, Refusal>>();
  for (const { guestId, hostId, reason, text } of refusals) {
    const refusal = { reason, detail: text };
    if (guestId === undefined) {
      if (hostId !== undefined && !hosts.has(hostId)) hosts.set(hostId, refusal);
    } else if (hostId === undefined) {
      if (!guests.has(guestId)) guests.set(guestId, refusal);
    } else {
      const byHost = pairs.get(guestId) ?? new Map<string, Refusal>();
      if (!byHost.has(hostId)) byHost.set(hostId, refusal);
      pairs.set(guestId, byHost);
    }
  }
  return { hosts, guests, pairs };
}

/**
 * The rules of DESIGN ("Never a target", "Never a candidate") for one request.
 * @param rule - the rule that fired.
 * @param alerting - ids of all alerting hosts.
 * @param refusals - what is ruled out from outside.
 */
export function eligibility(
  rule: PlanRule,
  alerting: ReadonlySet<string>,
  refusals: readonly OutsideRefusal[],
): Eligibility {
  const outside = outsideRefusals(refusals);
  const ruleSources = new Set(rule.source.hosts);
  const ruleTargets = new Set(rule.target.hosts);
  const ruleGuests = new Set(rule.source.guests);

  function host(candidate: Host): Refusal | undefined {
    if (alerting.has(candidate.id)) {
      return alerting.size === 1
        ? { reason: 'source', detail: 'the source itself' }
        : { reason: 'alerting', detail: 'alerting itself' };
    }
    if (ruleSources.size > 0 && names(ruleSources, candidate)) {
      return { reason: 'rule_source', detail: `a source host of rule ${rule.name}` };
    }
    if (ruleTargets.size > 0 && !names(ruleTargets, candidate)) {
      return { reason: 'not_a_rule_target', detail: `not among the target hosts of rule ${rule.name}` };
    }
    if (!candidate.enabled) return { reason: 'disabled', detail: 'disabled' };
    if (candidate.status !== 'online')
      return { reason: 'not_online', detail: `status ${candidate.status}, not online` };
    if (candidate.maintenance) return { reason: 'maintenance', detail: 'under maintenance' };
    if (readingOf(candidate, rule.metric) === undefined) {
      return { reason: 'no_reading', detail: `no reading of ${rule.metric}` };
    }
    if (rule.metric === 'mem.available' && readingOf(candidate, 'cpu.usage_active') === undefined) {
      return { reason: 'no_reading', detail: 'no reading of cpu.usage_active' };
    }
    return outside.hosts.get(candidate.id);
  }

  function guest(candidate: Guest, source: Host): Refusal | undefined {
    if (ruleGuests.size > 0 && !names(ruleGuests, candidate)) {
      return { reason: 'not_a_rule_guest', detail: `not among the guests of rule ${rule.name}` };
    }
    if (candidate.status !== 'running') {
      return { reason: 'not_running', detail: `status ${candidate.status}, not running` };
    }
    const usage = readingOf(candidate, 'cpu.usage_active');
    if (usage === undefined) return { reason: 'no_reading', detail: 'no reading of cpu.usage_active' };
    const cpu = cpuScore(usage, candidate.vcpu_count, source.cpu_count);
    const score = rule.metric === 'cpu.usage_active' ? cpu : candidate.vmem_size;
    if (!(score > NO_SCORE)) return { reason: 'score_zero', detail: 'moving it would not help (score 0)' };
    if (candidate.immovable !== undefined) return { reason: 'immovable', detail: candidate.immovable };
    return outside.guests.get(candidate.id);
  }

  function pair(candidate: Guest, source: Host, target: Host): Refusal | undefined {
    if (source.host_type !== target.host_type) {
      return { reason: 'other_host_type', detail: `host type ${target.host_type}, not ${source.host_type}` };
    }
    if (source.cpu_architecture !== target.cpu_architecture) {
      const detail = `architecture ${target.cpu_architecture}, not ${source.cpu_architecture}`;
      return { reason: 'other_architecture', detail };
    }
    return elsewhere(rule, source, target) ?? outside.pairs.get(candidate.id)?.get(target.id);
  }

  return {
    host,
    guest,
    pair,
    closed: new Set([...alerting, ...outside.hosts.keys()]),
    hasLists: ruleSources.size + ruleTargets.size > 0,
    pairRefusals: outside.pairs,
  };
}
