import { ignoredBy } from '../constraints/index.js';
import { outsideWindows } from '../common/time-windows.js';
import type { BatchRecord, MigrationRecord } from '../journal/journal.js';
import type { Memory, OperatorPause } from '../journal/memory.js';
import type { Rule } from '../rules/rule.js';
import type { ProcessMode } from '../verification/rule-mode.js';
import { modeOf } from '../verification/rule-mode.js';
import { operatorPauseText } from './pause.js';

/**
 * Why a batch begins nothing more, whatever its rules say.
 * @param pause - that holds the whole service; undefined while none does.
 * @returns undefined if it may go on.
 */
export function haltOf(
  { stopped }: Pick<BatchRecord, 'stopped'>,
  pause: OperatorPause | undefined,
): string | undefined {
  if (stopped) return `the batch was stopped by ${stopped.by}`;
  return pause && operatorPauseText(pause);
}

/**
 * Why a planned move may not begin now: the rule may have been changed since, by a person who wants it to stop.
 * An approval is a person's word too: windows and mode do not hold it up.
 * @param now - ms since the epoch.
 * @returns undefined if it may.
 */
export function obstacleTo(
  { rule: name, notes }: MigrationRecord,
  { plan: approved }: Pick<BatchRecord, 'plan'>,
  rules: readonly Rule[],
  memory: Memory,
  ofProcess: ProcessMode,
  now: number,
): string | undefined {
  const rule = rules.find((each) => each.name === name);
  if (!rule) return `rule ${name} is gone`;
  if (!rule.enabled) return `rule ${name} is disabled`;
  const { guest, target_host: target } = notes;
  const source = { id: guest.host_id, name: guest.host };
  const ignored = ignoredBy(rule, 'guests', guest);
  if (ignored !== undefined) return `guest ${guest.name} is ${ignored} ${name}`;
  for (const host of [source, target]) {
    const why = ignoredBy(rule, 'hosts', host);
    if (why !== undefined) return `host ${host.name} is ${why} ${name}`;
  }
  if (approved !== undefined) return undefined;
  const mode = modeOf(rule, memory.standings[name], ofProcess);
  if (mode.mode === 'recommend')
    return `rule ${name} only recommends now${mode.why === undefined ? '' : `: ${mode.why}`}`;
  const outside = outsideWindows(rule.windows, now);
  return outside === undefined ? undefined : `rule ${name}: ${outside}`;
}
