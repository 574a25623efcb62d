import type { Decision, DecisionRequest } from '../decide/decision.js';
import type { Decisions } from '../decide/decisions.js';
import type { Clock } from '../common/clock.js';
import type { WebhookAnswer } from '../intake/answer.js';
import type { MatchedAlert } from '../rules/rule.js';

/** What is measured of the service, as it happens. Must be quick and throw nothing. */
export interface Measures {
  /** The alerts of one body were answered. */
  alerts(alerts: readonly MatchedAlert[], answer: WebhookAnswer): void;
  /** A decision was made in so many seconds; without one it broke off. */
  decision(request: DecisionRequest, seconds: number, decision: Decision | undefined): void;
}

/** The same decisions, measured. */
export function measured(decisions: Decisions, measures: Measures, clock: Clock): Decisions {
  return {
    ...decisions,
    async decide(request, signal) {
      const begun = clock.monotonic();
      const seconds = () => (clock.monotonic() - begun) / 1000;
      try {
        const decision = await decisions.decide(request, signal);
        measures.decision(request, seconds(), decision);
        return decision;
      } catch (error) {
        if (!signal.aborted) measures.decision(request, seconds(), undefined);
        throw error;
      }
    },
  };
}

export const ALERT_OUTCOMES = ['accepted', 'ignored', 'dropped', 'unavailable', 'resolved', 'test'] as const;
export type AlertOutcome = (typeof ALERT_OUTCOMES)[number];

/** What became of one alert of a body: the answer is for all of them. */
export function outcomeOf({ alert, match }: MatchedAlert, answer: WebhookAnswer): AlertOutcome {
  if (answer.outcome === 'unavailable') return 'unavailable';
  if (alert.state !== 'firing') return alert.state;
  if (!match.matched) return 'ignored';
  if (answer.outcome !== 'accepted') return answer.outcome;
  return answer.rules.includes(match.rule.name) ? 'accepted' : 'ignored';
}

export const DECISION_OUTCOMES = [
  'migrate',
  'partial',
  'find_result_fail',
  'not_needed',
  'metrics_fail',
  'decision_fail',
  'paused',
] as const;
export type DecisionOutcome = (typeof DECISION_OUTCOMES)[number];

/** What a decision came to: its plan, or what has ended it before. */
export function decisionOutcome(decision: Decision | undefined): DecisionOutcome {
  if (!decision) return 'decision_fail';
  if (decision.plan) return decision.plan.outcome;
  const last = decision.findings.at(-1)?.action;
  return DECISION_OUTCOMES.find((outcome) => outcome === last) ?? 'not_needed';
}

/** How long a host counts as over its threshold when nothing more is heard of it, ms. */
const OVER_MS = 6 * 3_600_000;

/**
 * The hosts that alerted and were not relieved, by rule: by the rule's last decision on them, until one finds them within their
 * threshold, plans their relief, or their alert is resolved.
 */
export class UnrelievedHosts {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #over: { rule: string; words: Set<string>; at: number }[] = [];

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  resolved(rule: string, words: readonly string[]): void {
    this.#forget((each) => each.rule === rule && words.some((word) => each.words.has(word)));
  }

  decided({ rule: { name: rule }, hosts }: DecisionRequest, decision: Decision | undefined): void {
    for (const words of hosts) this.resolved(rule, words);
    const outcome = decisionOutcome(decision);
    if (outcome === 'not_needed' || outcome === 'paused') return;
    const isCarriedOut = decision?.steering.kind === 'move';
    const sources = decision?.plan?.explanation.sources;
    const over = sources
      ? sources.filter(({ cleared }) => !cleared || !isCarriedOut).map(({ id, name }) => [id, name])
      : hosts;
    for (const names of over) {
      // Alerts have other words for a host than the fleet: all of them name it.
      const words = hosts.find((each) => each.some((word) => names.includes(word))) ?? [];
      this.resolved(rule, names);
      this.#over.push({ rule, words: new Set([...names, ...words]), at: this.#clock.monotonic() });
    }
  }

  /** How many, by rule; rules without any are absent. */
  counts(): Map<string, number> {
    const now = this.#clock.monotonic();
    this.#forget(({ at }) => now - at > OVER_MS);
    const counts = new Map<string, number>();
    for (const { rule } of this.#over) counts.set(rule, (counts.get(rule) ?? 0) + 1);
    return counts;
  }

  #forget(isMeant: (each: { rule: string; words: Set<string>; at: number }) => boolean): void {
    for (let index = this.#over.length - 1; index >= 0; index -= 1) {
      const each = this.#over[index];
      if (each && isMeant(each)) this.#over.splice(index, 1);
    }
  }
}
