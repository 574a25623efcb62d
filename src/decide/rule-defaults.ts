import type { Rule } from '../rules/rule.js';

/** What the service does where a rule leaves the key out. `automigrate plan` goes by the rule file alone. */
export const DEFAULTS = {
  /** Points of capacity, %. */
  headroom: 0,
  /** GiB. Between 100 and 200 memory copied and overload are traded one for the other: `npm run bench:day`. */
  worth: 130,
  relieve: 'covered',
  /** ms. */
  cooldownMs: 3_600_000,
  evidence: 'mean',
} as const satisfies Pick<CompleteRule, DefaultKey>;

/** How far back the course of the hosts' readings is asked for, and that of the guests', ms. */
export const HISTORY_MS = { hosts: 3_600_000, guests: 6 * 3_600_000 };

/** The keys that the service has defaults for. */
type DefaultKey = 'headroom' | 'worth' | 'relieve' | 'cooldownMs' | 'evidence';

/** A rule with all keys that the service has defaults for. */
export type CompleteRule = Rule & { [Key in DefaultKey]-?: NonNullable<Rule[Key]> };

/** A rule with nothing left open: what the service plans by. */
export function withDefaults(rule: Rule): CompleteRule {
  return {
    ...rule,
    headroom: rule.headroom ?? DEFAULTS.headroom,
    worth: rule.worth ?? DEFAULTS.worth,
    relieve: rule.relieve ?? DEFAULTS.relieve,
    cooldownMs: rule.cooldownMs ?? DEFAULTS.cooldownMs,
    evidence: rule.evidence ?? DEFAULTS.evidence,
  };
}
