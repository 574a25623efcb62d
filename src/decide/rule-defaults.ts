import type { Rule } from '../rules/rule.js';

/** What the service does where a rule leaves the key out. `automigrate plan` goes by the rule file alone. */
export const DEFAULTS = {
  /** Points of capacity, %. */
  headroom: 3,
  /** ms. */
  cooldownMs: 3_600_000,
  evidence: 'mean',
} as const satisfies Pick<CompleteRule, 'headroom' | 'cooldownMs' | 'evidence'>;

/** How far back the course of readings is asked for, ms. */
export const HISTORY_MS = 3_600_000;

/** A rule with all keys that the service has defaults for. */
export type CompleteRule = Rule & { headroom: number; cooldownMs: number; evidence: NonNullable<Rule['evidence']> };

/** A rule with nothing left open: what the service plans by. */
export function withDefaults(rule: Rule): CompleteRule {
  return {
    ...rule,
    headroom: rule.headroom ?? DEFAULTS.headroom,
    cooldownMs: rule.cooldownMs ?? DEFAULTS.cooldownMs,
    evidence: rule.evidence ?? DEFAULTS.evidence,
  };
}
