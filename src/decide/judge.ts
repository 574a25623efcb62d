import { isOverThreshold, thresholdOn } from '../balancer/index.js';
import { failedMoves, ignoredBy } from '../constraints/index.js';
import type { Clock } from '../common/clock.js';
import { findHost, indexHosts, isRuleSource } from '../fleet/find-host.js';
import type { Host } from '../fleet/fleet.js';
import { weighEvidence } from './evidence.js';
import { withDefaults } from './rule-defaults.js';
import type { Settled } from './settle.js';
import { samplesAfterMoves } from './readings-after-moves.js';
import type { Step } from './walk.js';
import { ended } from './walk.js';

/** A draft that knows which hosts are to be relieved. */
export interface Judged extends Settled {
  /** Ids of the alerting hosts that are past the threshold. */
  sourceIds: string[];
  /** Ids of those that alert and are not to be relieved now: no targets either, whatever their readings say. */
  otherAlertingIds: string[];
}

/** Names that mean no host are told of one by one up to this, then in one row: they come from outside. */
const MOST_UNKNOWN = 10;

/** What an alerting host comes to. */
type HostVerdict =
  { relieve: true } | { relieve: false; action: 'metrics_fail' | 'not_needed'; text: string; lags: boolean };

/**
 * Finds the alerting hosts in the inventory and judges each by its readings; after moves that failed, only those that they
 * were to leave. Without a host to relieve the decision has ended.
 */
export function judge(draft: Settled, { clock }: { clock: Clock }): Step<Judged> {
  const { rule, hosts: alerting } = draft.request;
  const next: Judged = {
    ...draft,
    findings: [...draft.findings],
    lagging: [...draft.lagging],
    sourceIds: [],
    otherAlertingIds: [],
  };
  const index = indexHosts(draft.snapshot.hosts);
  const byId = new Map(draft.snapshot.hosts.map((host) => [host.id, host]));
  const failed = new Set(failedMoves(draft.request.migrations, rule.name).map(({ notes }) => notes.guest.host_id));
  const judged = new Set<string>();
  let unknown = 0;
  for (const words of alerting) {
    const found = findHost(words, index);
    const host = found.found === 'host' ? byId.get(found.host.id) : undefined;
    if (!host) {
      unknown += 1;
      const text = found.found === 'host' ? `no host of the fleet is called "${found.word}"` : found.text;
      if (unknown <= MOST_UNKNOWN) next.findings.push({ action: 'ignored', notes: text });
      continue;
    }
    if (judged.has(host.id)) continue;
    judged.add(host.id);
    const left = leftAlone(draft, host);
    if (left !== undefined) {
      next.otherAlertingIds.push(host.id);
      next.findings.push({ action: 'ignored', notes: left });
      continue;
    }
    if (failed.size > 0 && !failed.has(host.id)) {
      next.otherAlertingIds.push(host.id);
      continue;
    }
    const verdict = verdictOn(host, draft, clock.now());
    if (verdict.relieve) {
      next.sourceIds.push(host.id);
      continue;
    }
    next.otherAlertingIds.push(host.id);
    next.findings.push({ action: verdict.action, notes: verdict.text });
    if (verdict.lags) next.lagging.push([...words]);
  }
  const more = unknown - MOST_UNKNOWN;
  if (more > 0) {
    const notes = `${more} more names in the alerts of rule ${rule.name} mean no host of the fleet`;
    next.findings.push({ action: 'ignored', notes });
  }
  return next.sourceIds.length > 0 ? next : ended(next);
}

/** Why a rule does not relieve a host at all; undefined if it does. */
function leftAlone({ request: { rule } }: Settled, host: Host): string | undefined {
  if (!isRuleSource(rule, host)) return `host ${host.name} is not among the source hosts of rule ${rule.name}`;
  const ignored = ignoredBy(rule, 'hosts', host);
  return ignored === undefined ? undefined : `host ${host.name} is ${ignored}`;
}

function verdictOn(
  host: Host,
  { request, answer, unsettled, hostsNamedBy, scrapeIntervalMs }: Settled,
  now: number,
): HostVerdict {
  const { rule } = request;
  const { metric, periodMs } = rule;
  const threshold = thresholdOn(host, rule);
  const current = host.metrics[metric];
  const leave = (action: 'metrics_fail' | 'not_needed', text: string, lags = false): HostVerdict => {
    return { relieve: false, action, text, lags };
  };
  if (current === undefined) {
    const where = hostsNamedBy === undefined ? '' : ` by ${hostsNamedBy}`;
    const text = `no current reading of ${metric} for host ${host.name}${where}: nothing is moved on a guess`;
    return leave('metrics_fail', text);
  }
  if (!isOverThreshold(metric, current, threshold)) {
    const text = `host ${host.name}: ${metric} is ${current}, which does not pass the threshold ${threshold}`;
    return leave('not_needed', text, true);
  }
  const movedAt = unsettled.get(host.id);
  if (movedAt !== undefined) {
    const ago = `${Math.round((now - movedAt) / 1000)} s ago`;
    return leave(
      'not_needed',
      `host ${host.name}: a guest came or went ${ago}, and the readings do not show it yet`,
      true,
    );
  }
  const reading = answer.readings.hosts.get(host.id)?.[metric];
  const samples = samplesAfterMoves(host.id, reading, request.known.moves, scrapeIntervalMs);
  const evidence = weighEvidence(withDefaults(rule).evidence, samples, { metric, threshold }, now - periodMs);
  return evidence.enough ? { relieve: true } : leave('not_needed', `host ${host.name}: ${evidence.text}`, true);
}
