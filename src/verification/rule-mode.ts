import { createHash } from 'node:crypto';
import type { Memory, RuleState } from '../journal/memory.js';
import type { Rule } from '../rules/rule.js';

/** Says whether a rule is still the one that it was: the same for the same keys and values. */
export function fingerprint(rule: Rule): string {
  return createHash('sha256').update(JSON.stringify(rule)).digest('hex').slice(0, 16);
}

/** Whether a rule carries its plans out. `why` is there where experience, and not the rule, says no. */
export type Mode = { mode: 'auto' } | { mode: 'recommend'; why?: string };

/** How far all rules may go, whatever they say: `recommend` where nothing moves without a person's approval (MODE). */
export type ProcessMode = 'auto' | 'recommend';

/** The mode of a rule: its own, `recommend` for the whole process, or as long as it is the rule whose predictions were off. */
export function modeOf(rule: Rule, state: RuleState | undefined, ofProcess: ProcessMode): Mode {
  if (rule.mode === 'recommend') return { mode: 'recommend' };
  if (ofProcess === 'recommend') return { mode: 'recommend', why: BY_PROCESS };
  const demoted = state?.recommend;
  return demoted?.fingerprint === fingerprint(rule) ? { mode: 'recommend', why: demoted.why } : { mode: 'auto' };
}

const BY_PROCESS = "MODE=recommend: nothing moves without a person's approval";

/** When the pause of a rule ends, ms since the epoch; undefined if it does not pause. */
export function pausedUntil(memory: Memory, rule: string, now: number): number | undefined {
  return endOfPause(memory.standings[rule], now);
}

/** One that a clock which was ahead has begun is of unknown age: it does not hold until that date comes. */
function endOfPause(state: RuleState | undefined, now: number): number | undefined {
  const { paused_at: at = -Infinity, paused_until: until = -Infinity } = state ?? {};
  return at <= now && now < until ? until : undefined;
}

/** The memory with a changed state of one rule. */
export function withRuleState(memory: Memory, rule: string, change: Partial<RuleState>): Memory {
  const before = memory.standings[rule] ?? { misses: 0 };
  return { ...memory, standings: { ...memory.standings, [rule]: { ...before, ...change } } };
}

/** Without what is over: pauses that have ended. */
export function withoutEndedPauses(memory: Memory, now: number): Memory {
  const standings = Object.fromEntries(
    Object.entries(memory.standings).map(([rule, state]) => {
      const { paused_at: _at, paused_until: _until, ...rest } = state;
      return [rule, endOfPause(state, now) === undefined ? rest : state];
    }),
  );
  return { ...memory, standings };
}
