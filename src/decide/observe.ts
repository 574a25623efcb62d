import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { FleetAnswer } from '../fleet/ask.js';
import { askFleet } from '../fleet/ask.js';
import { isRuleSource, isRuleTarget } from '../fleet/find-host.js';
import type { Cloud, HostRecord, Metrics } from '../fleet/fleet.js';
import { FleetError } from '../fleet/fleet.js';
import type { Rule } from '../rules/rule.js';
import { HISTORY_MS } from './rule-defaults.js';
import type { Draft, Step } from './walk.js';
import { ended } from './walk.js';

/** A draft with the fleet as it is now. */
export interface Observed extends Draft {
  answer: FleetAnswer;
  /** The usual distance of two samples of the store, ms. */
  scrapeIntervalMs: number;
  /** By what the store names hosts, for messages: `the label host_id`. */
  hostsNamedBy: string | undefined;
}

/** Readings that were not used and are told of one by one; the others are counted. */
const MOST_DISCARDED = 20;

/** The hosts that a rule relieves or may send guests to. */
function concernedBy(rule: Rule): (host: HostRecord) => boolean {
  return (host) => isRuleSource(rule, host) || isRuleTarget(rule, host);
}

/** Asks cloud and metric store once. A system that does not answer ends the decision: nothing is moved on a guess. */
export async function observe(
  draft: Draft,
  deps: {
    cloud: Cloud;
    metrics: Metrics;
    clock: Clock;
    log: Log;
    /** The longest that one system may take to answer, ms. */
    timeoutMs: number;
    signal: AbortSignal;
  },
): Promise<Step<Observed>> {
  const { cloud, metrics, clock, log, timeoutMs, signal } = deps;
  const { rule } = draft.request;
  try {
    const { periodMs } = rule;
    const history = { hostsMs: HISTORY_MS.hosts, guestsMs: HISTORY_MS.guests, concerns: concernedBy(rule) };
    const answer = await askFleet({ cloud, metrics, clock, signal, timeoutMs, periodMs, history });
    for (const { kind, name, metric, value, reason } of answer.discarded.slice(0, MOST_DISCARDED)) {
      log.warn(
        { rule: rule.name, [kind]: name, metric, value, reason },
        `${reason} reading of ${kind} ${name} not used`,
      );
    }
    const more = answer.discarded.length - MOST_DISCARDED;
    if (more > 0) log.warn({ rule: rule.name }, `${more} more readings were not used`);
    const { withoutHistory } = answer;
    if (withoutHistory !== undefined) log.warn({ rule: rule.name }, withoutHistory);
    const ages = [...answer.readings.hosts.values()].flatMap((each) => {
      const at = each[rule.metric]?.at;
      return at === undefined ? [] : [Math.max(0, clock.now() - at)];
    });
    const age = ages.length > 0 && { readingsAgeMs: ages.reduce((oldest, each) => Math.max(oldest, each)) };
    return {
      ...draft,
      ...age,
      answer,
      scrapeIntervalMs: metrics.scrapeIntervalMs,
      hostsNamedBy: metrics.namedBy?.host,
    };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof FleetError)) throw error;
    return ended(draft, { action: 'metrics_fail', notes: error.message });
  }
}
