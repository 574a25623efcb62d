import type { IgnoredReason } from './answer.js';
import type { EventOfNothing } from './coalesced-events.js';
import type { Memory } from '../journal/memory.js';
import { outsideWindows } from '../common/time-windows.js';
import type { MatchedPart } from './sort-alerts.js';
import { pausedUntil } from '../verification/rule-mode.js';

/** A part that must wait for another alert. */
export interface SuspendedPart {
  part: MatchedPart;
  reason: Extract<IgnoredReason, 'outside_window' | 'paused'>;
  text: string;
}

/**
 * Sorts out what a rule may not do now: outside its windows, or while it pauses.
 * @param now - ms since the epoch.
 */
export function applyWindowsAndPauses(
  parts: readonly MatchedPart[],
  memory: Memory,
  now: number,
): { go: MatchedPart[]; suspended: SuspendedPart[] } {
  const go: MatchedPart[] = [];
  const suspended: SuspendedPart[] = [];
  for (const part of parts) {
    const { rule } = part;
    const until = pausedUntil(memory, rule.name, now);
    const outside = outsideWindows(rule.windows, now);
    if (until !== undefined) {
      suspended.push({ part, reason: 'paused', text: pauseText(rule.name, until) });
    } else if (outside !== undefined) {
      suspended.push({ part, reason: 'outside_window', text: `rule ${rule.name}: ${outside}` });
    } else {
      go.push(part);
    }
  }
  return { go, suspended };
}

/** The sentence of a rule that pauses until a moment, ms since the epoch. */
export function pauseText(rule: string, until: number): string {
  return `rule ${rule} pauses until ${new Date(until).toISOString()}: guests were moved by somebody else`;
}

/** The event of a suspended part. */
export function suspendedEvent({ part, reason, text }: SuspendedPart, sender: string): EventOfNothing {
  const hosts = part.hosts.map((words) => words[0] ?? '?').join(', ');
  const said = `${text} (hosts: ${hosts})`;
  return reason === 'paused'
    ? { obj_name: part.rule.name, user: sender, action: 'paused', notes: said }
    : { obj_name: part.rule.name, user: sender, action: 'ignored', notes: `${reason}: ${said}` };
}
